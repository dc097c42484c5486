"""Listed image files, looked through once: form settled, every file decoded, broken ones known. Torch-free."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from fathom.data.images.folder_listing import FileList, ImageFiles
from fathom.data.images.form import choose_form, choose_place
from fathom.data.images.kept_surveys import survey_once
from fathom.data.images.options import ImageOptions
from fathom.data.images.pixels.form import PixelForm
from fathom.data.images.survey import OnRead, Survey, survey
from fathom.data.loaders.workers import default_workers
from fathom.errors import FathomError

_NAMED = 10  # files in a line
_SMALL = 64  # pixels; no network asks for more


@dataclass(frozen=True)
class ScannedImages:
    """Image files and what a pass over them found.

    Attributes:
        survey: row i of each of its arrays belongs to file i: those of the training split first, then "val", "test".
        form: what every image was brought to.
        workers: processes that decode, where the pixels are not kept.
        place: whether the pixels are kept in memory, and why, in words.
        broken: files that are missing or cannot be read, by the names they are known under, and why.
    """

    files: ImageFiles
    options: ImageOptions
    survey: Survey
    form: PixelForm
    workers: int
    place: str
    broken: tuple[tuple[str, str], ...]

    @property
    def size(self) -> tuple[int, int]:
        """The (height, width) that every image was brought to."""
        assert self.form.size is not None
        return self.form.size

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths of all files."""
        return self.survey.paths


def scan_images(
    files: ImageFiles, options: ImageOptions | None = None, *, seed: int = 0, on_read: OnRead | None = None
) -> ScannedImages:
    """Settle size and channels, decode every file once, and keep the pixels where they are to be kept.

    Where the pixels fit into half of the free memory they stay there; else worker processes decode again in every
    epoch, to the same bytes.

    Args:
        seed: of the choice of files whose headers show size and channels.
        on_read: called with (files read, files in all) while they are decoded.
    Raises:  FathomError if too many files are broken, or there is one class only; UsageError for options that do not
        fit
    """
    options = options or ImageOptions()
    if files.task == "classification" and len(files.class_names) < 2:
        raise FathomError(f"{files.name} has only one class, {files.class_names[0]}: a classifier needs at least two")
    workers = default_workers() if options.workers is None else options.workers
    paths = [str(path) for part in splits_of(files).values() for path in part.paths]
    # of training images alone: the test split must not decide the form
    form = choose_form(paths[: len(files.train)], seed, options)
    size = form.size
    if options.size is None and options.smallest_side is not None and size is not None and min(size) < _SMALL:
        # what the network needs at least, for images smaller than it can take
        least = options.smallest_side(form.channels)
        form = replace(form, size=(max(size[0], least), max(size[1], least)))
    is_kept, place = choose_place(options.cache, len(paths), form, workers)
    look = survey if options.cache == "none" else survey_once  # with a cache a pass is kept on disk, and found again
    found = look(paths, form, keep=is_kept, workers=workers, on_read=on_read)
    broken = tuple((files.show(path), why) for path, why in (*files.missing, *found.explain_broken()))
    if options.refuses_broken:  # `fathom check` reports all of them instead
        _check_broken(broken, len(paths) + len(files.missing), options.max_broken)
    return ScannedImages(files, options, found, form, workers, place, broken)


def splits_of(files: ImageFiles) -> dict[str, FileList]:
    """Return the splits that have files of their own, train first."""
    named = {"train": files.train, "val": files.val, "test": files.test}  # in the order in which the survey counts them
    return {name: files for name, files in named.items() if files is not None and len(files)}


def list_broken(broken: Sequence[tuple[str, str]]) -> str:
    """Name broken files in a line, not too many of them, each with what is wrong with it."""
    listed = "; ".join(f"{path} {why}".strip() for path, why in broken[:_NAMED])
    return f"{listed}; and {len(broken) - _NAMED:,} more" if len(broken) > _NAMED else listed


def _check_broken(broken: Sequence[tuple[str, str]], total: int, max_broken: float) -> None:
    """Stop where more files are broken than may be."""
    if len(broken) <= max_broken * total:
        return
    raise FathomError(
        f"{len(broken):,} of {total:,} images ({100 * len(broken) / total:.1f} %) cannot be read, more than the "
        f"{100 * max_broken:.3g} % allowed: {list_broken(broken)}. Repair or remove them (`fathom check` lists all), "
        "or allow more with --max-broken"
    )
