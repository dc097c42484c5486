"""Image files: folders of classes, packed or not, and label files beside a folder of images."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from fathom.address import is_remote
from fathom.build.kinds.base import Kind, OnRead
from fathom.build.kinds.places import is_folder, pin_data, refuse_foreign
from fathom.build.remote import display_names, has_versions, localize, original_names
from fathom.data.fetch.archives import is_packed
from fathom.data.images.labels.options import LABEL_OPTIONS, LabelOptions
from fathom.data.images.listing import find_label_file
from fathom.errors import UsageError, unknown
from fathom.files import expand_home
from fathom.settings.config import DataConfig, replace_in

if TYPE_CHECKING:
    from pathlib import Path

    from fathom.build.results import EvaluationDetails, SplitResult
    from fathom.choices import Task
    from fathom.data.checks import DataCheck
    from fathom.data.images.folder_listing import ImageFiles
    from fathom.data.images.module import ImageData
    from fathom.data.module import LabelledData
    from fathom.module import Module
    from fathom.settings.config import Config
    from fathom.settings.settings import Settings

# of the files themselves; chosen from them where absent
_FORM = ("channels", "size", "values", "convert", "layout", "range")
_FOLDERS = ("levels", "group_by_name")  # what is read from the paths of images
_GROUPING = ("group_column", "time_column", "group_by_name")  # each says which images must share a split
_SMOOTHING = 0.1  # of the default network's labels
_AUTO = "auto"  # augmentation that fits the images, see _fit_augmentation
_UNCHANGED_FROM = 24  # pixels: images of 28 and 32 are shifted by 4
_SIDES = (
    1,
    2,
    4,
    7,
    8,
    12,
    15,
    16,
    31,
    32,
    59,
    63,
    64,
)  # least ones that networks of the registry ask for, among others
_LARGEST_SIDE = 64  # of images, for networks that were made for 28 or 32 pixels
_IMAGES_SEEN = 40_000  # in training, unless epochs are given: 16 s on two cores at 32 pixels
_LEAST_EPOCHS, _MOST_EPOCHS = 10, 40  # few images: 40 epochs; many: 10


class ImagesKind(Kind):
    """Image files with a class, labels or a number each."""

    name, noun, holds_images = "images", "images", True
    serves_any_batch_size = True
    option_names = (*_FORM, "images", "archive_encoding", *LABEL_OPTIONS, *_FOLDERS)
    # A student reads files as its teacher did, with a fine-tuned teacher's normalisation too.
    inherited_by_student = ("resize", "mean", "std", "max_broken", "cache", "workers")

    def validate(self, settings: Settings) -> None:
        """Refuse missing files, and options that belong to a label file."""
        refuse_foreign(settings)
        name, options = settings.get("data.name", ""), settings.get("data.options", {})
        images = options.get("images")  # their folder or archive: the data's name is then a label file
        _check_options(options)
        path = expand_home(name)
        if images is not None:
            if not is_remote(name) and not path.is_file():
                raise UsageError(f"no such label file: {name}")
            if not is_remote(str(images)) and not is_folder(str(images)):
                raise UsageError(f"--images: no such folder: {images}")
        elif is_packed(name) and not path.is_file():
            raise UsageError(f"no such archive: {name}")
        elif path.is_file() and not is_packed(name):
            raise UsageError(f"{name} is one image; training takes a folder of class folders")
        elif not is_remote(name) and not is_folder(name):
            raise UsageError(f"no such folder: {name}; `fathom data` lists the data sets known by name")

    def default_settings(self) -> Mapping[str, Any]:
        """Return a small residual network with mirroring, shifting and label smoothing (docs/images.md has figures)."""
        return {
            "model": {"name": "resnet9", "options": {"width": 16}},
            "data": {"augment": _AUTO},
            "training": {"label_smoothing": _SMOOTHING},
        }

    def task(self, name: str) -> Task | None:
        """Return the task of class folders; a label file, which may lie in an archive too, has to be read first."""
        is_local = not is_remote(name) and expand_home(name).is_dir()  # an archive is not opened for this
        return "classification" if is_local and find_label_file(expand_home(name)) is None else None

    def pin(self, data: DataConfig) -> DataConfig:
        """Return absolute paths and pinned versions."""
        return pin_data(data, ("images",))  # the label file's images have a place of their own

    def read(self, data: DataConfig) -> ImageFiles | None:
        """Return the list of files, without opening one."""
        if not has_versions(data):
            return None  # remote, and not fetched yet
        local = localize(data)
        with original_names(data, local):
            return _list_files(local)

    def build_for_check(self, config: Config, on_read: OnRead | None = None) -> LabelledData:
        """Make the data module however many files are broken: they are what is looked for."""
        return self.build(config, on_read=on_read, refuses_broken=False)

    def build(
        self, config: Config, contents: Any = None, on_read: OnRead | None = None, *, refuses_broken: bool = True
    ) -> LabelledData:
        """Make the data module: every file is decoded once."""
        from fathom.build.augmentation import build_augmentation
        from fathom.build.divisions import make_division
        from fathom.data.images.module import ImageData
        from fathom.data.images.options import LARGEST_SIDE, ImageOptions
        from fathom.models import registry

        given, local = config.data, localize(config.data)
        # "auto" waits for the size, which is known after decoding
        augment = None if given.augment == _AUTO else build_augmentation(config)
        options = ImageOptions(
            size=_chosen_size(given),
            largest_side=_LARGEST_SIDE if registry.get(config.model.name).is_for_small else LARGEST_SIDE,
            smallest_side=partial(_find_smallest_side, config),
            **_chosen_form(given),
            workers=None if given.workers == "auto" else given.workers,
            cache=given.cache,
            max_broken=given.max_broken,
            refuses_broken=refuses_broken,
            # statistics given, as ImageNet's with torchvision's weights
            is_normalised_elsewhere=given.mean is not None,
        )
        with original_names(given, local):
            files = _list_files(local) if contents is None else contents
            data = ImageData.scan(
                dataclasses.replace(files, name=local.name, aliases=display_names(given, local)),
                given.batch_size,
                options=options,
                val=make_division(config),
                augment=augment,
                seed=config.seed,
                balance=given.balance,
                on_read=on_read,
            )
        if given.augment == _AUTO:
            data.augment = build_augmentation(_fit_augmentation(config, data))  # may be None: 1 pixel wide
        elif augment is not None:
            augment.check(data.input_shape)
        return data

    def config_for_check(self, config: Config) -> Config:
        """Return the configuration; nothing is cached, as no epoch follows."""
        return replace_in(config, data={"cache": "none"})

    def collect_details(
        self, module: Module, data: LabelledData, evaluation: SplitResult, folder: Path
    ) -> EvaluationDetails:
        """Return as for all labelled data; of numbers a baseline to beat and the largest errors, with their images."""
        details = super().collect_details(module, data, evaluation, folder)
        if data.task != "regression":
            return details
        from fathom.build.details.images import collect_errors

        return dataclasses.replace(details, extra=collect_errors(module, cast("ImageData", data), evaluation, folder))

    def check(self, data: LabelledData) -> DataCheck:
        """Return what to know of the data before training on it."""
        from fathom.data.images.checks import check_images

        return check_images(cast("ImageData", data))

    def finalize(self, config: Config, data: LabelledData) -> Config:
        """Fill in batch size, epochs, and the size and channels chosen from the files."""
        config = _fit_augmentation(super().finalize(config, data), data)  # augmentation first: the epochs depend on it
        if (data.multilabel or data.task == "regression") and config.training.label_smoothing == _SMOOTHING:
            # It came with the default network: numbers have no smoothing, and rare labels would drown in it
            config = replace_in(config, training={"label_smoothing": 0.0})
        found = cast("ImageData", data).form
        # recorded, so that the run reads other files alike
        form: dict[str, Any] = {"channels": found.channels, "values": found.values, "convert": found.converts}
        if found.layout is not None:
            form["layout"] = found.layout
        if config.data.resize is None:  # else data.resize says it
            form["size"] = list(data.input_shape[1:])
        config = replace_in(config, data={"options": {**config.data.options, **form}})
        if config.training.epochs is None:
            config = replace_in(config, training={"epochs": _choose_epochs(config, data)})
        return config


def _fit_augmentation(config: Config, data: LabelledData) -> Config:
    """Close augmentation left to Fathom: mirroring, and shifts by an eighth of the shorter side, 4 pixels at most.

    Four of 32 pixels are those of He et al. 2016, arXiv:1512.03385, §4.2.
    """
    if config.data.augment != _AUTO:
        return config
    height, width = data.input_shape[-2:]
    side = min(height, width)
    padding = 4 if side >= _UNCHANGED_FROM else side // 8  # side // 8: 0 below 8 pixels
    steps = ["flip"] * (width > 1) + [f"crop:padding={padding}"] * (padding > 0)  # list times bool: in or out
    return replace_in(config, data={"augment": ",".join(steps) or None})


def _find_smallest_side(config: Config, channels: int) -> int:
    """Return how many pixels a side must have for the network, which is tried without weights; 1 if nothing helps."""
    import torch

    from fathom.models import registry

    for side in _SIDES:
        # meta: shapes only, no memory; the fork keeps the seed's sequence as it was
        with contextlib.suppress(Exception), torch.random.fork_rng(devices=[]), torch.device("meta"), torch.no_grad():
            shape = (channels, side, side)
            net = registry.create(config.model.name, input_shape=shape, num_classes=2, **config.model.options)
            net(torch.zeros(2, *shape))  # two samples: batch-norm refuses one; raises if a map shrinks to nothing
            return side
    return 1  # what is wrong with it is said when it is built


def _check_options(options: Mapping[str, Any]) -> None:
    is_table = options.get("images") is not None  # a label file is given
    known = ImagesKind.option_names
    for option in options:
        if option not in known:
            raise unknown(f"option of {'images' if is_table else 'a folder of images'}", option, known)
    if is_table and options.get("levels") is not None:
        raise UsageError("--levels is for folders of classes; a label file says what its images show")
    given = [f"--{option.replace('_', '-')}" for option in _GROUPING if options.get(option) is not None]
    # "group" as a level of folders is a way too
    if len(given) + ("group" in str(options.get("levels")).split("/")) > 1:
        raise UsageError(f"{' and '.join(given or ['--levels'])}: one way of saying what stays together is enough")
    if not isinstance(options.get("archive_encoding"), str | None):
        raise UsageError(f"data.options.archive_encoding must be a text, not {options['archive_encoding']!r}")
    LabelOptions(**_label_options(options))


def _label_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is said of the label file; a column's name may look like a number in YAML."""
    said = {name: options[name] for name in LABEL_OPTIONS if options.get(name) is not None}
    for name, value in said.items():
        if name.endswith("column") and type(value) in (int, float):  # column: 3 in YAML
            said[name] = str(value)
        elif name in ("missing", "not_missing") and isinstance(value, list):
            said[name] = [str(mark) if type(mark) in (int, float) else mark for mark in value]
    return said


def _list_files(data: DataConfig) -> ImageFiles:
    """List the images of a folder of classes or of a label file, without opening one."""
    place, images = expand_home(data.name), data.options.get("images")
    # what is said of labels applies to a label file inside a folder too
    said = _label_options(data.options)
    levels, pattern = (data.options.get(option) for option in _FOLDERS)
    if images is None:
        from fathom.data.images.listing import list_images

        files = list_images(place, levels=None if levels is None else str(levels), **said)
    else:
        from fathom.data.images.labels.file import read_image_table

        files = read_image_table(place, expand_home(str(images)), **said)
    if pattern is None:
        return files
    from fathom.data.images.folders.name_groups import group_by_name

    return group_by_name(files, str(pattern))


def _chosen_size(data: DataConfig) -> tuple[int, int] | None:
    """Return the chosen height and width; None leaves it to the images."""
    side, size = data.resize, data.options.get("size")
    if size is None:
        return (side, side) if side else None
    if side:
        raise UsageError("data.resize and data.options.size both set the size of images; leave one of them out")
    # type() is int: bool is an int as well
    if not (isinstance(size, list) and len(size) == 2 and all(type(n) is int and n > 0 for n in size)):
        raise UsageError(f"data.options.size must be [height, width], not {size!r}")
    return size[0], size[1]


def _chosen_form(data: DataConfig) -> dict[str, Any]:
    """Return what the options say of the form of the files, as ``ImageOptions`` takes it.

    Raises:  UsageError for values of another type
    """
    options, window = data.options, data.options.get("range")
    if window is not None:
        # LO and HI in the files' own values
        if not (isinstance(window, list) and len(window) == 2 and all(type(n) in (int, float) for n in window)):
            raise UsageError(f"--range LO,HI: two numbers, not {window!r}")
        window = float(window[0]), float(window[1])
    channels, converts = options.get("channels"), options.get("convert", False)
    if channels is not None and type(channels) is not int:
        raise UsageError(f"data.options.channels must be a whole number, not {channels!r}")
    if type(converts) is not bool:
        raise UsageError(f"data.options.convert must be true or false, not {converts!r}")
    return {
        "channels": channels,
        "values": options.get("values"),
        "converts": converts,
        "layout": options.get("layout"),
        "window": window,
    }


def _choose_epochs(config: Config, data: LabelledData) -> int:
    """Choose the epochs; without augmentation the images are soon memorised."""
    from fathom.build.augmentation import build_augmentation

    if build_augmentation(config) is None:
        return _LEAST_EPOCHS  # plain passes: more would overfit
    return min(_MOST_EPOCHS, max(_LEAST_EPOCHS, round(_IMAGES_SEEN / data.num_train)))
