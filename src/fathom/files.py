"""Writing files and folders so that a crash, a full disk or a kill leaves the old content or the new, never half.

The new content goes under a hidden temporary name beside the target, reaches the disk (fsync), and takes the target's
name in one rename. Everything an operating system can refuse comes out as one line that names the path.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from fathom.errors import FathomError, UsageError

try:
    import fcntl
except ImportError:  # Windows
    # no locks there: leftovers of a kill stay until the folder is cleared
    fcntl = None  # type: ignore[assignment]

# begins with a dot: hidden, and passed over by folder scans
_MARK = ".fathom.tmp-"
_WRITABLE = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH
_ADVICE = {
    errno.ENOSPC: "; free some space or choose another folder",
    errno.EDQUOT: "; free some space or choose another folder",
    errno.EROFS: "; choose a folder that can be written",
    errno.EACCES: "; choose a folder that you may write",
    errno.EPERM: "; choose a folder that you may write",
}
# reading has other remedies than writing
_ADVICE_ON_READING = dict.fromkeys((errno.EACCES, errno.EPERM), "; make it readable (chmod +r) or name another")
_AT_FDCWD = -100  # from linux/fcntl.h: paths count from the working folder
_RENAME_EXCHANGE = 2  # from linux/fs.h
_MANY = 500  # files from which on one call for the whole file system is sooner done than one for each


def expand_home(path: str | os.PathLike[str]) -> Path:
    """Return a path with ``~`` and ``~user`` replaced by the home folder.

    Raises:  UsageError if there is no such user
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise UsageError(
            f"{os.fspath(path)}: there is no home folder of that user; write ./~… for a file here"
        ) from None


def encode_text(text: str) -> bytes:
    r"""Return text as UTF-8; what stands for a byte of another encoding becomes an escape that JSON reads back.

    >>> encode_text("é"), encode_text("\udcbb.png")
    (b'\xc3\xa9', b'\\udcbb.png')
    """
    return text.encode("utf-8", "backslashreplace")


def describe_failure(action: str, path: str | os.PathLike[str], error: OSError) -> FathomError:
    """Make the one-line error for an OSError: what was tried, where, why, and what to do.

    >>> import errno
    >>> str(describe_failure("write", "runs/a.json", OSError(errno.EROFS, "Read-only file system")))
    'cannot write runs/a.json: read-only file system; choose a folder that can be written'
    """
    cause = error.strerror or str(error) or type(error).__name__
    cause = cause[:1].lower() + cause[1:]  # "No space left" stands in the middle of a sentence here
    advice = _ADVICE_ON_READING if action == "read" else _ADVICE
    return FathomError(f"cannot {action} {os.fspath(path)}: {cause}{advice.get(error.errno or 0, '')}")


def write_atomically(path: str | os.PathLike[str], content: bytes | str) -> None:
    """Replace ``path`` by ``content`` (text as UTF-8), so that a reader sees the old file or the new one.

    Raises:  FathomError if the file cannot be written; the old file then stands untouched
    """
    with atomic_file(path) as file:
        file.write(encode_text(content) if isinstance(content, str) else content)


@contextlib.contextmanager
def atomic_file(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Return a binary file to fill; it becomes ``path`` when the block ends well, and vanishes when it does not.

    What stands at ``path`` keeps its nature: of a symbolic link the file it leads to is replaced, the new file gets the
    mode and the owner of the old one, and a file with several names (hard links), or with an owner that cannot be
    given to another, is overwritten in place once the new content is whole. Devices and pipes are written through.

    Raises:  FathomError if the operating system refuses, and for a file that is read-only, a socket or a disk;
        BrokenPipeError if the reader of a pipe left
    """
    target = Path(path)
    try:
        standing = _look_at(target)
        if standing is not None and not stat.S_ISREG(standing.st_mode):
            # /dev/null, a named pipe: cannot be replaced, only written to
            with _open_special(target, standing.st_mode) as file:
                yield file
            return
        # the file that a link names is replaced, not the link
        target = Path(os.path.realpath(target)) if target.is_symlink() else target
        # a rename would succeed: it asks the folder's permission, not the file's
        if standing is not None and not (standing.st_mode & _WRITABLE and os.access(target, os.W_OK)):
            raise FathomError(f"cannot write {target}: the file is read-only; make it writable (chmod u+w)")
        with _temporary_file(target) as file:
            yield file
            _finish(file, target, standing)
    except BrokenPipeError:
        raise  # its own class: the command line ends quietly on it
    except OSError as error:
        raise describe_failure("write", target, error) from error


def _look_at(path: Path) -> os.stat_result | None:
    """Return what stands at a path, links followed; None where nothing does."""
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def _open_special(path: Path, mode: int) -> BinaryIO:
    """Open a device or a pipe for writing.

    Raises:  FathomError for what is neither; IsADirectoryError for a folder
    """
    if stat.S_ISSOCK(mode) or stat.S_ISBLK(mode):  # neither takes a file's bytes in any useful sense
        raise FathomError(f"cannot write {path}: it is a {'socket' if stat.S_ISSOCK(mode) else 'disk'}, not a file")
    return path.open("wb")


@contextlib.contextmanager
def _temporary_file(target: Path) -> Iterator[BinaryIO]:
    """Return a new file beside ``target`` that is gone at the end, unless it took the target's name."""
    file = _open_temporary(target)
    try:
        with file:
            yield file
    finally:
        with contextlib.suppress(OSError):  # gone already after os.replace
            Path(file.name).unlink(missing_ok=True)


def _finish(file: BinaryIO, target: Path, standing: os.stat_result | None) -> None:
    """Let a file that is filled become ``target``, where ``standing`` stood before."""
    file.flush()
    # hard links and foreign owners: a rename would break them, so the content is copied
    if standing is not None and (standing.st_nlink > 1 or not _take_over(file.fileno(), standing)):
        _overwrite(target, Path(file.name))
        return
    os.fsync(file.fileno())  # before the rename: else a crash could leave the new name with no content
    os.replace(file.name, target)
    _sync_folder(target.parent)  # the rename itself is an entry of the folder


def _take_over(handle: int, standing: os.stat_result) -> bool:
    """Give a file the owner and the mode of another; False where the system refuses."""
    if not hasattr(os, "fchown"):  # Windows
        return True
    try:
        own = os.fstat(handle)
        if (own.st_uid, own.st_gid) != (standing.st_uid, standing.st_gid):  # as root writing a user's file
            os.fchown(handle, standing.st_uid, standing.st_gid)
        if stat.S_IMODE(own.st_mode) != stat.S_IMODE(standing.st_mode):
            os.fchmod(handle, stat.S_IMODE(standing.st_mode))
    except OSError:
        return False
    return True


def _overwrite(target: Path, source: Path) -> None:
    """Copy a whole file over another that keeps its names and its owner."""
    with source.open("rb") as content, target.open("r+b") as file:
        shutil.copyfileobj(content, file)
        file.truncate()  # after the content: the new one may be shorter than the old
        file.flush()
        os.fsync(file.fileno())


@contextlib.contextmanager
def atomic_folder(path: str | os.PathLike[str], *, previous: str | os.PathLike[str] | None = None) -> Iterator[Path]:
    """Return an empty folder to fill; it becomes ``path`` when the block ends well, and vanishes when it does not.

    A folder that stood at ``path`` is exchanged for the new one in a single operation where the system can (Linux),
    so that there is always a whole one. It is then deleted, or kept as ``previous`` if that is given.

    Raises:  FathomError if the operating system refuses
    """
    target = Path(path)
    temporary = _temporary_name(target)
    try:
        try:
            temporary.mkdir()
            yield temporary
            sync_tree(temporary)  # all content before the name, as for a file
            _move_into_place(temporary, target)
            # _move_into_place left the replaced folder under the temporary name
            if previous is not None and temporary.exists():
                _move_into_place(temporary, Path(previous))
            _sync_folder(target.parent)
        finally:
            # What stands here now is the unfinished new folder after a failure, the replaced old one after success.
            shutil.rmtree(temporary, ignore_errors=True)
    except OSError as error:
        raise describe_failure("write", target, error) from error


def remove_leftovers(folder: str | os.PathLike[str]) -> None:
    """Delete temporary files and folders that a killed process left directly inside ``folder``."""
    with contextlib.suppress(OSError):
        for entry in Path(folder).iterdir():
            if entry.name.startswith(_MARK):
                # a link to a folder is a file here: what it names is not ours
                if entry.is_dir() and not entry.is_symlink():
                    shutil.rmtree(entry, ignore_errors=True)
                else:
                    entry.unlink(missing_ok=True)


def remove_stale(path: str | os.PathLike[str]) -> None:
    """Delete what processes that were killed while they wrote ``path`` left beside it; what is being written stays.

    Where the system cannot tell whether somebody still writes, nothing is deleted.
    """
    target = Path(path)
    prefix = _temporary_prefix(target)
    with contextlib.suppress(OSError), os.scandir(target.parent) as entries:
        for entry in entries:
            if entry.name.startswith(prefix) and entry.is_file(follow_symlinks=False):
                _remove_abandoned(entry.path)


def _remove_abandoned(path: str) -> None:
    with contextlib.suppress(OSError):
        handle = os.open(path, os.O_RDWR)
        try:
            if _lock(handle) is True:  # the lock is free: its writer is dead
                os.unlink(path)
        finally:
            os.close(handle)


def append_line(path: str | os.PathLike[str], line: str) -> None:
    """Append one line as a whole: if the disk fills up in the middle, the part that was written is taken back.

    Raises:  FathomError if the file cannot be written
    """
    data = encode_text(line + "\n")
    try:
        # O_APPEND: lines of several processes do not overwrite each other
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
        try:
            written = 0
            try:
                while written < len(data):
                    # a write may be partial, as on a disk that is almost full
                    written += os.write(handle, data[written:])
            except OSError:
                if written:
                    os.ftruncate(handle, os.fstat(handle).st_size - written)  # only what this call added
                raise
        finally:
            os.close(handle)
    except OSError as error:
        raise describe_failure("write", path, error) from error


def _temporary_prefix(target: Path) -> str:
    # a checksum: the name itself may be as long as a file system takes
    return f"{_MARK}{zlib.crc32(os.fsencode(target.name)):08x}-"


def _temporary_name(target: Path) -> Path:
    return target.with_name(f"{_temporary_prefix(target)}{os.urandom(6).hex()}")  # 12 hex digits


def _open_temporary(target: Path) -> BinaryIO:
    """Create a file beside the target and lock it: the lock goes with the process, so an unlocked one is abandoned."""
    while True:
        # x: never a file that stands there
        file = open(_temporary_name(target), "xb")  # noqa: SIM115 (the caller closes it)
        # ``remove_stale`` of another process may have come between the two calls.
        # None counts as locked: there is nobody who could take it away
        if _lock(file.fileno()) is not False and os.path.exists(file.name):
            return file
        file.close()


def _lock(handle: int) -> bool | None:
    """Lock a file until it is closed; False where somebody else has, None where the system has no such lock."""
    if fcntl is None:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None  # some network file systems know no locks
    return True


def _move_into_place(source: Path, target: Path) -> None:
    """Rename ``source`` to ``target``; if a folder stands there, ``source`` names that one afterwards."""
    if not target.exists():
        os.rename(source, target)
    elif not _exchange(source, target):
        aside = _temporary_name(target)  # no exchange: for a moment neither name stands there
        os.rename(target, aside)
        os.rename(source, target)
        os.rename(aside, source)


def _exchange(first: Path, second: Path) -> bool:
    """Swap two names in one system call; False where the system or the file system has no such call."""
    if sys.platform != "linux":
        return False
    import ctypes  # seldom needed, and slow to load

    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return False
    # both paths from the working folder
    code = renameat2(_AT_FDCWD, os.fsencode(first), _AT_FDCWD, os.fsencode(second), ctypes.c_uint(_RENAME_EXCHANGE))
    return bool(code == 0)


def sync_tree(folder: Path) -> None:
    """Let everything below a folder reach the disk."""
    count = sum(len(names) for _, _, names in os.walk(folder))
    if count >= _MANY and _sync_file_system(folder):  # one fsync costs milliseconds, whatever the size
        return
    for where, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(where, name)
            if stat.S_ISREG(os.lstat(path).st_mode):
                # Windows flushes only files that are open for writing
                _sync(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
        _sync_folder(where)


def _sync_file_system(folder: Path) -> bool:
    """Let all of the file system that a folder is on reach the disk; False where there is no such call."""
    if sys.platform != "linux":
        return False
    import ctypes

    try:
        syncfs = ctypes.CDLL(None, use_errno=True).syncfs
    except (OSError, AttributeError):
        return False
    handle = os.open(folder, os.O_RDONLY)
    try:
        return bool(syncfs(handle) == 0)
    finally:
        os.close(handle)


def _sync_folder(folder: str | os.PathLike[str]) -> None:
    if os.name == "nt":  # Windows opens no folders; NTFS journals the rename itself
        return
    try:
        _sync(folder, os.O_RDONLY)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network file systems cannot sync a folder
            raise


def _sync(path: str | os.PathLike[str], flags: int) -> None:
    handle = os.open(path, flags)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
