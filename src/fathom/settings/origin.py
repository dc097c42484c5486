"""The weights that ``finetune.init_from`` names, and the settings that follow from them. Loads without torch.

A run sets network, options, input size and normalisation; so does a network of torchvision. A file of weights sets
none of these.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol

from fathom.errors import FathomError, UsageError, unknown
from fathom.files import expand_home
from fathom.models import registry
from fathom.models.options import choose_embedding, use_small
from fathom.models.torchvision_names import PUBLISHED, SIDE
from fathom.runs.folder import schema
from fathom.runs.folder.lookup import resolve_run
from fathom.runs.folder.records import read_json
from fathom.settings.config import Config

# The default learning rate of the body. For small networks of one's own, 0.3 did best on average (docs/fine-tuning.md);
# for those trained on a million images a tenth is usual.
_BODY_LR, _TORCHVISION_BODY_LR = "0.3x", "0.1x"
_TORCHVISION = "torchvision:"
_SAFE, _PICKLED = (".safetensors",), (".pt", ".pth", ".bin", ".ckpt", ".tar")


class DataKind(Protocol):
    """What must be known of the training data."""

    holds_images: ClassVar[bool]
    option_names: ClassVar[tuple[str, ...]]


@dataclass(frozen=True)
class Origin:
    """Where weights come from: a run's folder, a file, or a network of torchvision with the name of its weights."""

    kind: Literal["run", "file", "torchvision"]
    path: Path = Path()
    network: str = ""
    weights: str = ""

    def __str__(self) -> str:
        if self.kind != "torchvision":
            return str(self.path)
        return f"{_TORCHVISION}{self.network}" + (f":{self.weights}" if self.weights else "")


def find_origin(text: str, root: str | Path = "runs") -> Origin:
    """Return what ``text`` names, with absolute paths.

    Args:
        root: where runs are looked up by name.
    Raises:  UsageError if nothing is there, or the file type is not supported
    """
    if text.startswith(_TORCHVISION):
        network, _, weights = text.removeprefix(_TORCHVISION).partition(":")
        if network not in PUBLISHED:
            raise unknown("network of torchvision", network, PUBLISHED)
        return Origin("torchvision", network=network, weights=weights)
    path = expand_home(text)
    # by content or by name: a missing file is then told as one
    if path.is_file() or path.suffix.lower() in (*_SAFE, *_PICKLED):
        if not path.is_file():
            raise UsageError(f"--init-from: no such file: {text}")
        if path.suffix.lower() not in (*_SAFE, *_PICKLED):
            raise UsageError(
                f"{text}: not a file of weights; give a .safetensors file, a run folder or torchvision:NAME"
            )
        return Origin("file", path.absolute())
    if text in PUBLISHED and not path.is_dir():  # "resnet18" alone is a network's name, not a run's
        raise UsageError(f"--init-from: no such run: {text}; torchvision's weights are named {_TORCHVISION}{text}")
    return Origin("run", resolve_run(text if text == "last" else path, root).absolute())


def is_pickled(path: Path) -> bool:
    """Whether a file's name says that it is in torch's own format."""
    return path.suffix.lower() in _PICKLED


def apply_origin(tree: dict[str, Any], kind: DataKind, root: str | Path = "runs") -> dict[str, Any]:
    """Fill in, in place, the settings that follow from ``finetune.init_from``, unless they were chosen.

    Args:
        kind: of the training data.
    Raises:  UsageError if the weights belong to another network than the chosen one
    """
    settings = tree.get("finetune") or {}
    text = settings.get("init_from")
    if text is None:
        return tree
    origin = find_origin(str(text), root)
    if origin.kind == "file":
        if not (tree.get("model") or {}).get("name"):  # a state dict holds shapes, and no builder
            raise UsageError(f"{text}: a file of weights does not say which network it is for; name the network too")
        found: dict[str, Any] = {}
    elif origin.kind == "torchvision":
        found = _from_torchvision(origin, tree, kind)
    else:
        found = _from_run(origin, tree, kind)
    chosen = (tree.get("model") or {}).get("name")  # chosen by the user, or None
    given = found.get("model", {}).get("name", chosen)
    if chosen not in (None, given):
        raise UsageError(f"{text} holds a {given}, not a {chosen}; leave the network out, or start from other weights")
    _fill(tree, found)
    _fill(tree, {"finetune": {"body_lr": _BODY_LR}})  # only where torchvision's rate is not filled in already
    tree["finetune"]["init_from"] = str(origin)  # the absolute path: a run is resumed from anywhere
    return tree


def _fill(tree: dict[str, Any], found: Mapping[str, Any]) -> None:
    """Fill gaps of ``tree`` from ``found``; null, as in a run's config.yaml, is a gap."""
    for key, value in found.items():
        if isinstance(value, Mapping):
            if not isinstance(tree.get(key), dict):  # null or missing: a section to fill
                tree[key] = {}
            _fill(tree[key], value)
        elif tree.get(key) is None:
            tree[key] = value


def _from_torchvision(origin: Origin, tree: Mapping[str, Any], kind: DataKind) -> dict[str, Any]:
    published = PUBLISHED[origin.network]
    return {
        "model": {"name": published.model, "options": dict(published.options)},
        # 224 pixels and ImageNet's statistics: what these weights were trained on
        "data": _as_images(tree, kind, (3, SIDE, SIDE), {"mean": published.mean, "std": published.std}),
        "finetune": {"body_lr": _TORCHVISION_BODY_LR},
    }


def _from_run(origin: Origin, tree: Mapping[str, Any], data_kind: DataKind) -> dict[str, Any]:
    path = origin.path / schema.MODEL
    if not path.is_file():
        raise UsageError(f"{origin.path}: holds no {schema.MODEL}; is it a run folder?")
    description = read_json(path)
    try:
        model, given = description["model"], description["input"]
        name, shape, options = str(model["name"]), [int(n) for n in model["input_shape"]], dict(model["options"])
        kind, num_outputs = given["kind"], int(model["num_classes"])
    except (KeyError, TypeError, ValueError) as error:  # a foreign or truncated model.json
        raise FathomError(f"{path}: incomplete or altered ({error!r})") from None
    if kind == "table":  # a table's weights mean its own columns
        raise UsageError(
            f"{origin.path} was trained on a table: its columns and their statistics are part of the model, "
            "so it cannot be fine-tuned on other rows"
        )
    if registry.get(name).has_small:
        # recorded as chosen: the new images may be of another size
        options["small"] = use_small(options.get("small"), shape)
    data: dict[str, Any] = {}
    if kind == "image":
        data = _as_images(tree, data_kind, shape, given)
    elif kind == "tokens":
        if options.get("embedding") is None:  # the builder chose it by the size of the vocabulary
            options["embedding"] = choose_embedding(num_outputs)
        tokenizer = description.get("tokenizer") or {}
        # the same tokens, or the rows of the embedding mean nothing
        known = {key: tokenizer[key] for key in ("level", "lower", "clean") if key in tokenizer}
        data = {"options": known | {"normalize": tokenizer.get("normalize", "none")}}
    return {"model": {"name": name, "options": options}, "data": data}


def _as_images(tree: Mapping[str, Any], kind: DataKind, shape: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the image size and normalisation that the network expects, and channels and scale of image files."""
    channels, height, width = shape
    data = tree.get("data") or {}
    options = data.get("options") or {}
    if not kind.holds_images:  # vectors of tables and the like have no statistics
        return {}
    mean, std = given.get("mean"), given.get("std")
    found: dict[str, Any] = {"mean": list(mean), "std": list(std)} if mean and std else {}
    if data.get("resize") is None and "size" not in options and height == width:  # square alone: resize takes one side
        found["resize"] = height
    if "channels" in kind.option_names:
        learned = {"channels": channels}
        if given.get("low") is not None:  # its mean and std are on this scale
            learned |= {"values": given.get("values", "uint8"), "range": [given["low"], given["high"]]}
        # what the user chose stays
        found["options"] = {name: value for name, value in learned.items() if name not in options}
    return found


def parse_body_lr(value: float | str, lr: float) -> float:
    """Turn ``0.1`` or ``0.1x`` into a tenth of ``lr``; ``=0.001`` is the rate itself.

    Raises:  UsageError for anything else
    """
    text = str(value).strip()
    is_rate = text.startswith("=")
    try:
        rate = float(text.removeprefix("=") if is_rate else text.removesuffix("x")) * (1.0 if is_rate else lr)
    except ValueError:
        rate = -1.0  # -1: refused below, with the same message
    if not 0 < rate < float("inf"):
        advice = "; use --freeze body" if rate == 0 else ""  # a rate of 0 is freezing, said otherwise
        raise UsageError(
            f"body_lr {value!r}: give a factor of --lr above 0, such as 0.1, or a rate, such as =0.001{advice}"
        )
    return rate


def check_finetuning(config: Config) -> None:
    """Refuse settings of fine-tuning that contradict each other or have no effect.

    Raises:  UsageError
    """
    tuning, training = config.finetune, config.training
    if tuning.body_lr is not None:
        parse_body_lr(tuning.body_lr, lr=1.0)  # only checks the form: --lr may still be open
    given = {
        "--body-lr": tuning.body_lr is not None,
        "--layer-decay": tuning.layer_decay is not None,
        "--compare-scratch": tuning.compare_scratch,
    }
    for option, is_given in given.items():
        if is_given and tuning.init_from is None:
            raise UsageError(f"{option} is for fine-tuning; add --init-from with the weights to start from")
    if tuning.seeds > 1 and not tuning.compare_scratch:
        raise UsageError("--seeds repeats the comparison with training from scratch; add --compare-scratch")
    if tuning.compare_scratch and (training.fast_dev_run or training.overfit_batches):
        raise UsageError(
            "--compare-scratch compares on the test split, which --fast-dev-run and --overfit-batches do not use"
        )
