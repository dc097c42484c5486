"""CIFAR-10 from archives in exactly the published layout: Python 2 pickles, protocol 2, byte-string keys."""

import hashlib
import io
import pickle
import struct
import tarfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fathom.data.sources import cifar10
from fathom.data.sources.unpickle import read_batch
from fathom.errors import FathomError


def string(text: bytes) -> bytes:
    """A Python 2 string: SHORT_BINSTRING or BINSTRING."""
    return b"U" + bytes([len(text)]) + text if len(text) < 256 else b"T" + struct.pack("<i", len(text)) + text


def integer(value: int) -> bytes:
    return b"K" + bytes([value]) if 0 <= value < 256 else b"J" + struct.pack("<i", value)


def python2_array(pixels: np.ndarray, module: bytes = b"numpy.core.multiarray") -> bytes:
    """What Python 2's cPickle writes for a uint8 matrix."""
    rebuild = b"c" + module + b"\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
    dtype = b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    shape = integer(pixels.shape[0]) + integer(pixels.shape[1]) + b"\x86"
    return rebuild + b"(K\x01" + shape + dtype + b"\x89" + string(pixels.tobytes()) + b"tb"


def python2_batch(images: np.ndarray, labels: list[int], **array_options) -> bytes:
    fields = [
        (b"data", python2_array(images.reshape(len(images), 3072), **array_options)),
        (b"labels", b"](" + b"".join(map(integer, labels)) + b"e"),
        (b"batch_label", string(b"training batch 1 of 5")),
        (b"filenames", b"](" + b"".join(string(b"image_%d.png" % i) for i in range(len(labels))) + b"e"),
    ]
    return b"\x80\x02}(" + b"".join(string(key) + value for key, value in fields) + b"u."


def make_batches(num: int = 4) -> dict[str, tuple[np.ndarray, list[int]]]:
    rng = np.random.default_rng(0)
    return {
        name: (rng.integers(0, 256, (num, 3, 32, 32), dtype=np.uint8), rng.integers(0, 10, num).tolist())
        for name in cifar10.BATCH_MD5
    }


@pytest.fixture(scope="module")
def batches():
    return make_batches()


@pytest.fixture
def folder(tmp_path, batches):
    folder = tmp_path / "own" / cifar10.FOLDER
    folder.mkdir(parents=True)
    for name, (images, labels) in batches.items():
        (folder / name).write_bytes(python2_batch(images, labels))
    (folder / "batches.meta").write_bytes(b"\x80\x02}.")
    (folder / "readme.html").write_text("<meta>")
    return folder


@pytest.fixture
def archive(tmp_path, folder):
    path = tmp_path / "zipped" / cifar10.ARCHIVE
    path.parent.mkdir()
    with tarfile.open(path, "w:gz") as tar:
        tar.add(folder, cifar10.FOLDER)
    return path


def assert_right(data, batches):
    train = [batches[f"data_batch_{i}"] for i in range(1, 6)]
    assert np.array_equal(data.train_images, np.concatenate([images for images, _ in train]))
    assert data.train_labels.tolist() == [label for _, labels in train for label in labels]
    assert np.array_equal(data.test_images, batches["test_batch"][0])
    assert data.test_labels.tolist() == batches["test_batch"][1]
    assert (data.train_images.dtype, data.train_labels.dtype) == (np.uint8, np.int64)
    assert data.train_images.flags.writeable
    assert data.test_images.flags.writeable
    assert data.class_names[0] == "airplane"


def test_the_imitation_is_a_real_pickle(batches):
    images, labels = batches["test_batch"]
    loaded = pickle.loads(python2_batch(images, labels), encoding="bytes")  # noqa: S301 - made above
    assert np.array_equal(loaded[b"data"].reshape(-1, 3, 32, 32), images)
    assert loaded[b"labels"] == labels


def test_reads_the_folder(folder, batches):
    for root in (folder.parent, folder):
        assert_right(cifar10.load(root=root, check=False), batches)


def test_reads_the_archive(archive, batches):
    assert_right(cifar10.load(root=archive.parent, check=False), batches)


@pytest.mark.parametrize("module", [b"numpy.core.multiarray", b"numpy._core.multiarray"])
def test_both_spellings_of_numpys_module(batches, module):
    images, labels = batches["test_batch"]
    assert np.array_equal(read_batch(python2_batch(images, labels, module=module))[0], images)


@pytest.mark.parametrize("protocol", [3, 4])
def test_batches_written_by_python_3(batches, protocol):
    images, labels = batches["test_batch"]
    content = pickle.dumps({"data": images.reshape(-1, 3072), "labels": labels}, protocol=protocol)
    assert np.array_equal(read_batch(content)[0], images)


def test_finds_own_folder_then_cache(folder, archive, tmp_path, monkeypatch, batches):
    monkeypatch.setenv("FATHOM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("FATHOM_DATA", str(tmp_path / "own"))
    assert cifar10.locate() == folder
    monkeypatch.setenv("FATHOM_DATA", str(archive.parent))
    assert cifar10.locate() == archive
    monkeypatch.delenv("FATHOM_DATA", raising=False)
    assert cifar10.locate() is None
    with pytest.raises(FathomError, match=f"cifar10 is not in FATHOM_DATA or the cache; .*{cifar10.FOLDER}"):
        cifar10.load(download=False)


def test_downloaded_once_and_unpacked_in_the_cache(archive, tmp_path, monkeypatch, batches):
    monkeypatch.setenv("FATHOM_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("FATHOM_DATA", raising=False)
    calls = []

    def fetch(urls, destination, **options):
        calls.append((urls, options["checksum"]))
        destination.write_bytes(archive.read_bytes())
        return destination

    monkeypatch.setattr(cifar10, "fetch", fetch)
    for _ in range(2):
        assert_right(cifar10.load(check=False), batches)
    assert calls == [(cifar10.URLS, "md5:c58f30108f718f92721af3b95e74349a")]
    assert cifar10.locate() == tmp_path / "home" / "data" / "cifar10" / cifar10.FOLDER
    assert not (tmp_path / "home" / "data" / cifar10.ARCHIVE).exists()


# --- refused


def test_checksums_are_checked(folder, archive):
    with pytest.raises(FathomError, match=r"data_batch_1 has the wrong checksum: md5 .* not c99cafc1"):
        cifar10.load(root=folder)
    with pytest.raises(FathomError, match=r"tar.gz has the wrong checksum: md5 .* not c58f3010"):
        cifar10.load(root=archive.parent)
    for place in (folder, archive):
        with pytest.raises(FathomError, match="wrong checksum"):
            cifar10.verify(place)


def test_right_checksums_pass(folder, archive, batches, monkeypatch):
    for name in cifar10.BATCH_MD5:
        monkeypatch.setitem(cifar10.BATCH_MD5, name, hashlib.md5((folder / name).read_bytes()).hexdigest())
    monkeypatch.setattr(cifar10, "ARCHIVE_MD5", hashlib.md5(archive.read_bytes()).hexdigest())
    assert_right(cifar10.load(root=folder), batches)
    assert_right(cifar10.load(root=archive.parent), batches)
    cifar10.verify(folder)
    cifar10.verify(archive)


def test_an_archive_without_all_batches(folder, archive):
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(folder / "test_batch", f"{cifar10.FOLDER}/test_batch")
    with pytest.raises(FathomError, match="lacks data_batch_1, data_batch_2"):
        cifar10.load(root=archive.parent, check=False)


def calling(module: str, name: str, argument: bytes) -> bytes:
    """A pickle that calls module.name(argument)."""
    return b"\x80\x02c" + f"{module}\n{name}\n".encode() + string(argument) + b"\x85R."


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("os", "system"),
        ("posix", "system"),
        ("builtins", "eval"),
        ("builtins", "getattr"),
        ("__builtin__", "eval"),
        ("subprocess", "check_output"),
        ("ctypes", "CDLL"),
        ("numpy", "load"),
        ("numpy", "fromfile"),
        ("numpy", "memmap"),
        ("numpy.ctypeslib", "load_library"),
        ("numpy.core.multiarray", "fromfile"),
        ("numpy.core.multiarray", "scalar"),
        ("numpy._core.multiarray", "frombuffer"),
        ("numpy", "ndarray.tofile"),
        ("numpy.core", "multiarray._reconstruct"),
        ("numpy.testing._private.utils", "runstring"),
        ("numpy.f2py.crackfortran", "myeval"),
        ("_codecs", "encode"),
        ("copyreg", "_reconstructor"),
        ("fathom.data.sources.unpickle", "read_batch"),
    ],
)
def test_a_pickle_that_calls_anything_is_refused(folder, tmp_path, module, name):
    target = tmp_path / "touched"
    for argument in (f"touch {target}".encode(), f"open({str(target)!r}, 'w')".encode(), str(target).encode()):
        (folder / "data_batch_3").write_bytes(calling(module, name, argument))
        with pytest.raises(
            FathomError, match=r"data_batch_3 is not a CIFAR-10 batch .*nothing of it was run"
        ) as caught:
            cifar10.load(root=folder, check=False)
        assert f"{module}.{name}" in str(caught.value)
        assert "\n" not in str(caught.value)
    assert not target.exists()


def test_the_usual_exploit_is_refused_without_effect(tmp_path):
    target = tmp_path / "touched"

    class Exploit:
        def __reduce__(self):
            import os

            return os.system, (f"touch {target}",)

    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        content = pickle.dumps({"data": Exploit(), "labels": [1]}, protocol=protocol)
        with pytest.raises(ValueError, match="which no batch needs"):
            read_batch(content)
    assert not target.exists()
    pickle.loads(content)  # noqa: S301 - proves that it would have worked
    assert target.exists()


def test_numpy_itself_is_out_of_reach():
    """Objects, files and memory of other sizes cannot be made through the array's own words."""
    matrix = np.zeros((1, 3072), dtype=np.uint8)
    right = python2_batch(matrix, [1])
    assert len(read_batch(right)[1]) == 1
    for old, new in (
        (b"U\x02u1", b"U\x02O8"),  # an array of objects
        (b"U\x02u1", b"U\x02f8"),
        (integer(3072), integer(30_720_000)),  # more than there are bytes
        (integer(3072), integer(-3072)),
    ):
        assert old in right
        with pytest.raises(ValueError, match="array"):
            read_batch(right.replace(old, new))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x80\x02}.",
        b"\x80\x02K\x01.",
        python2_batch(np.zeros((2, 3072), np.uint8), [1]),
        python2_batch(np.zeros((1, 3072), np.uint8), [10]),
        python2_batch(np.zeros((1, 3072), np.uint8), [1])[:-5],
        pickle.dumps({"data": [1, 2], "labels": [1]}),
        pickle.dumps({"data": {}, "labels": [1]}),
        b"\x80\x02Pid.",  # a persistent id
        b"\x80\x02\x82\x01.",  # the extension registry
        b"\x80\x02}r\xff\xff\xff\xff.",  # a memo index for which the C reader would allocate 64 GiB
    ],
)
def test_anything_else_is_a_value_error(content):
    with pytest.raises(ValueError):
        read_batch(content)


SEED_BATCH = python2_batch(np.zeros((1, 3072), np.uint8), [1])


@given(st.integers(0, 400), st.binary(min_size=1, max_size=6))
@settings(max_examples=300, deadline=None)
def test_altered_bytes_never_escape(place, replacement):
    altered = SEED_BATCH[:place] + replacement + SEED_BATCH[place + len(replacement) :]
    try:
        images, labels = read_batch(altered)
    except ValueError:
        return
    assert images.shape == (len(labels), 3, 32, 32)


# --- extraction


def images(root):
    return sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.is_file())


def test_extract_writes_the_image_folder_layout(folder, tmp_path, batches):
    from PIL import Image

    seen = []
    written = cifar10.extract_cifar10(tmp_path / "out", lambda *c: seen.append(c), root=folder, check=False)
    assert written == 24
    assert seen == [(i, 24) for i in range(1, 25)]
    assert len(images(tmp_path / "out")) == 24
    assert len(list((tmp_path / "out" / "train").iterdir())) == 10
    for part, start, name in (("train", 0, "data_batch_1"), ("train", 16, "data_batch_5"), ("test", 0, "test_batch")):
        for number, (image, label) in enumerate(zip(*batches[name], strict=True), start=start + 1):
            path = tmp_path / "out" / part / cifar10.CLASS_NAMES[label] / f"{number:05d}.png"
            assert np.array_equal(np.asarray(Image.open(path)).transpose(2, 0, 1), image)


def test_extract_goes_on_where_it_was_broken_off(folder, tmp_path):
    out = tmp_path / "out"

    class Stop(Exception):
        pass

    def stop(done, total):
        if done == 9:
            raise Stop

    with pytest.raises(Stop):
        cifar10.extract_cifar10(out, stop, root=folder, check=False)
    assert len(images(out)) == 9
    kept, cut, empty = list(out.rglob("*.png"))[:3]
    before = kept.stat().st_mtime_ns
    cut.write_bytes(cut.read_bytes()[:-1])
    empty.write_bytes(b"")
    (empty.parent / f".{empty.name}.part").write_bytes(b"half")
    assert cifar10.extract_cifar10(out, root=folder, check=False) == 24 - 9 + 2
    assert len(images(out)) == 24
    assert kept.stat().st_mtime_ns == before
    assert cifar10.extract_cifar10(out, root=folder, check=False) == 0


def test_extract_to_a_place_that_cannot_be_written(folder, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(FathomError, match=f"cannot make the folder {tmp_path}/file/out"):
        cifar10.extract_cifar10(tmp_path / "file" / "out", root=folder, check=False)
    (tmp_path / "out" / "train").mkdir(parents=True)
    (tmp_path / "out" / "train" / "bird").touch()
    with pytest.raises(FathomError, match=r"cannot write to .*the same command goes on"):
        cifar10.extract_cifar10(tmp_path / "out", root=folder, check=False)


def test_hostile_archives_are_refused(archive, tmp_path):
    with tarfile.open(archive, "w:gz") as tar:
        info = tarfile.TarInfo("../evil")
        info.size = 1
        tar.addfile(info, io.BytesIO(b"x"))
    with pytest.raises(FathomError, match="points outside"):
        cifar10.load(root=archive.parent, check=False)
