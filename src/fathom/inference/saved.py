"""Models on disk: ``model.safetensors`` with ``model.json``, enough to predict without the code that trained it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec
import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as dump_tensors
from torch import Tensor, nn

from fathom.data.images.pixels.form import Layout, PixelForm, Values, check_form
from fathom.data.unicode_form import Form
from fathom.errors import FathomError, UsageError
from fathom.files import write_atomically
from fathom.losses import LOSSES, PROVIDED, make_loss
from fathom.models import registry
from fathom.models.inspection.summary import layer_table
from fathom.module import Classifier, LanguageModel, Module, Regressor
from fathom.preprocess import PixelScale, Preprocess, TargetScale
from fathom.runs.folder.lookup import resolve_run
from fathom.runs.folder.schema import SCHEMA, check_schema
from fathom.training.checkpoint import load_checkpoint, load_weights


class _Model(msgspec.Struct):
    name: str
    input_shape: list[int]
    num_classes: int
    options: dict[str, Any]


# fields of all kinds together; which are needed depends on kind
class _Input(msgspec.Struct):
    kind: Literal["image", "features", "table", "tokens"]
    channels: int | None = None
    height: int | None = None
    width: int | None = None
    target: str = ""
    mean: list[float] | None = None
    std: list[float] | None = None
    size: list[int] | None = None
    encoding: str = "utf-8"
    low: float | None = None
    high: float | None = None
    clips: bool = False
    values: Values = "uint8"
    converts: bool = True
    layout: Layout | None = None


class _Tokenizer(msgspec.Struct, forbid_unknown_fields=True):
    level: str
    lower: bool
    clean: str
    reserved: list[str]
    normalize: Form = "none"


class _Description(msgspec.Struct):
    """The fields of ``model.json`` that rebuilding a model needs."""

    kind: Literal["classifier", "regressor", "language_model"]
    model: _Model
    input: _Input
    class_names: list[str]
    multilabel: bool = False
    tokens: list[str] = []
    tokenizer: _Tokenizer | None = None


def describe_model(
    module: Module, name: str, options: dict[str, Any], stored_shape: tuple[int, ...], num_outputs: int
) -> dict[str, Any]:
    """Return the content of ``model.json``: how to build the network, what goes in, what comes out, its layers."""
    shape = module.preprocess.output_shape(stored_shape)
    try:
        layers = layer_table(module.net, shape)  # only for the report: flops and a table
    except Exception:  # a user's own network may do what cannot be followed; its report has no table of layers
        layers = []
    target = module.target.describe() if isinstance(module, Regressor) and module.target is not None else None
    return {
        "schema": SCHEMA,
        "kind": module.kind,
        "model": {"name": name, "input_shape": list(shape), "num_classes": num_outputs, "options": options},
        "class_names": list(getattr(module, "class_names", ())),
        # left out where False, as older versions wrote it
        **({"multilabel": True} if isinstance(module, Classifier) and module.multilabel and num_outputs > 1 else {}),
        "input": _describe_input(stored_shape, module) | module.preprocess.describe(),
        **({"target": target} if target else {}),
        **({"tokens": list(module.tokens), "tokenizer": module.tokenizer} if isinstance(module, LanguageModel) else {}),
        "parameters": sum(p.numel() for p in module.parameters()),
        "flops": sum(layer["flops"] for layer in layers),
        "layers": layers,
    }


def _describe_input(shape: tuple[int, ...], module: Module) -> dict[str, Any]:
    if isinstance(module, LanguageModel):
        # left out where usual: equal runs of older versions have equal files
        encoding = {"encoding": module.encoding} if module.encoding != "utf-8" else {}
        return {"kind": "tokens", "steps": shape[0]} | encoding
    if len(shape) != 3:  # rows of a table or plain features
        return {"kind": "features", "features": shape[0]}
    channels, height, width = shape
    return {"kind": "image", "channels": channels, "height": height, "width": width}


def save_weights(path: Path, module: Module) -> None:
    """Write the module's weights and buffers as safetensors, atomically, with a hash that reveals changes."""
    # clone: safetensors refuses tensors that share memory
    tensors = {k: v.detach().cpu().clone().contiguous() for k, v in module.state_dict().items()}
    # One entry only: safetensors writes several in varying order, and equal runs must write equal files.
    write_atomically(path, dump_tensors(tensors, metadata={"sha256": _hash(tensors)}))


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read what ``save_weights`` wrote.

    Raises:  FathomError naming the file if it is missing, truncated, altered or foreign
    """
    try:
        content = path.read_bytes()
        tensors = load_tensors(content)
        # safetensors: length in 8 bytes, then JSON
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        expected = header.get("__metadata__", {}).get("sha256")  # absent in files of others
    except OSError as error:
        raise FathomError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (SafetensorError, ValueError) as error:
        raise FathomError(f"{path}: truncated or altered ({error})") from error
    if expected is None:
        raise FathomError(f"{path}: not written by Fathom: it has no checksum")
    if _hash(tensors) != expected:
        raise FathomError(f"{path}: altered since it was written (wrong checksum)")
    return tensors


def _hash(tensors: dict[str, Tensor]) -> str:
    digest = hashlib.sha256()  # names and values; shapes are in the header, which loading checks
    for name in sorted(tensors):  # the file need not keep their order
        digest.update(name.encode())
        digest.update(tensors[name].reshape(-1).view(torch.uint8).numpy().tobytes())  # as bytes: NumPy has no bfloat16
    return digest.hexdigest()


def read_description(run: Path) -> dict[str, Any]:
    """Read and check ``model.json`` of a run folder.

    Raises:  FathomError if it is missing, damaged or from a newer version
    """
    path = run / "model.json"
    try:
        description = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise FathomError(f"{run}: not a run folder: it has no model.json") from None
    except (OSError, ValueError) as error:
        raise FathomError(f"{path}: cannot be read ({error})") from error
    if not isinstance(description, dict) or not isinstance(description.get("schema"), int):
        raise FathomError(f"{path}: not a model description of Fathom")
    check_schema(description, path)
    _check_description(description, path)
    return description


def _check_description(description: dict[str, Any], path: Path) -> None:
    try:
        known = msgspec.convert(description, _Description)  # types and presence of every field at once
    except msgspec.ValidationError as error:
        raise FathomError(f"{path}: incomplete or altered ({error})") from None
    stored = known.input
    if stored.kind == "image" and not (stored.channels and stored.height and stored.width):
        raise FathomError(f"{path}: incomplete or altered (an image needs channels, height and width)")
    if stored.kind == "image":
        try:
            check_form(PixelForm.of_model(description["input"]))  # values, layout and bounds must fit together
        except (UsageError, KeyError, TypeError) as error:
            raise FathomError(f"{path}: altered ({error})") from None
    if known.kind == "language_model" and (known.tokenizer is None or len(known.tokens) != known.model.num_classes):
        raise FathomError(f"{path}: altered ({len(known.tokens)} tokens for {known.model.num_classes} outputs)")
    # a class index past the names would end in an IndexError
    num_classes = _count_classes(description)
    if known.class_names and len(known.class_names) != num_classes:
        raise FathomError(f"{path}: altered ({len(known.class_names)} names for {num_classes} classes)")


def _count_classes(description: Mapping[str, Any]) -> int:
    """Return how many classes, or labels, a classifier has: one output stands for two classes."""
    return max(2, int(description["model"]["num_classes"]))


def class_names_of(description: Mapping[str, Any]) -> list[str]:
    """Return the names of the classes of a model, by what ``model.json`` says; their numbers where they have none."""
    return list(description["class_names"]) or [str(i) for i in range(_count_classes(description))]


def load_module(run: str | Path) -> tuple[Module, dict[str, Any]]:
    """Rebuild the module of a run with its best weights; for an unfinished run, those of its best checkpoint.

    Args:
        run: the run folder, its name in ``runs/``, or "last".
    Returns: the module in evaluation mode and its description
    Raises:  FathomError naming the file that is missing or damaged
    """
    run = resolve_run(run)
    description = read_description(run)
    model, stored = description["model"], description["input"]
    registry.check_run_model(model["name"], run / "model.json")
    try:
        net = registry.create(
            model["name"], input_shape=model["input_shape"], num_classes=model["num_classes"], **model["options"]
        )
        if any(map(nn.parameter.is_lazy, net.parameters())):  # lazy layers learn their sizes from the first batch
            net(torch.zeros(1, *model["input_shape"]))  # gives lazy layers their shapes; the weights follow
        preprocess = _read_preprocess(stored)
        if description["kind"] == "language_model":
            module: Module = _read_language_model(net, description)
        elif description["kind"] == "classifier":
            multilabel = description.get("multilabel", False)
            loss = "bce_with_logits" if multilabel or model["num_classes"] == 1 else "cross_entropy"
            module = Classifier(net, class_names=description["class_names"], loss=loss, preprocess=preprocess)
        else:
            target = TargetScale(**description["target"]) if "target" in description else None
            module = Regressor(net, preprocess=preprocess, target=target)
    # whatever a changed file makes a network's constructor raise
    except (FathomError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise FathomError(f"{run / 'model.json'}: cannot build the network ({error})") from error
    weights, source = read_best_weights(run)  # last: a wrong model.json is told before much is read
    load_weights(module, weights, source)
    return module.eval(), description


def _read_language_model(net: nn.Module, description: dict[str, Any]) -> LanguageModel:
    """Make the module from a network and its description in ``model.json``.

    Raises:  UsageError if vocabulary, tokenizer or encoding is invalid
    """
    from fathom.data.encodings import check_encoding
    from fathom.data.texts.vocabulary import Tokenizer

    tokenizer = description["tokenizer"]
    Tokenizer(**(tokenizer | {"reserved": tuple(tokenizer["reserved"])}))  # checks
    encoding = description["input"].get("encoding", "utf-8")
    check_encoding(encoding)
    return LanguageModel(net, tokens=description["tokens"], tokenizer=tokenizer, encoding=encoding)


def _read_preprocess(stored: dict[str, Any]) -> Preprocess:
    if stored["kind"] == "table":
        from fathom.data.tables.layer import read_layer  # with pandas, which no other model needs

        return read_layer(stored)
    low, high = stored.get("low"), stored.get("high")
    # both or none: a scale needs two ends
    scale = None if low is None or high is None else PixelScale(low, high, bool(stored.get("clips")))
    files = PixelForm.of_model(stored).describe() if "values" in stored else None
    return Preprocess(stored.get("mean"), stored.get("std"), stored.get("size"), scale=scale, files=files)


def set_loss(module: Module, name: str) -> None:
    """Set the loss that a loaded module was trained with."""
    if name not in LOSSES and name not in PROVIDED:
        raise UsageError(f"the loss {name} was a function given from Python: fathom.load(run, loss={name}) takes it")
    module.train_loss = module.val_loss = make_loss(name)  # one loss for both: smoothing and weights belong to training


def read_best_weights(run: Path) -> tuple[dict[str, Tensor], Path]:
    """Read the best weights of a run, finished or not.

    Returns: weights and buffers of the module by name, and the file or checkpoint they come from
    Raises:  FathomError if there are none or they are damaged
    """
    path = run / "model.safetensors"
    if path.exists():
        return read_weights(path), path
    # the best first; without one the newest
    for name in ("best", "last", "previous"):  # previous: where a kill fell between two renames
        folder = run / "checkpoints" / name
        if folder.is_dir():
            return load_checkpoint(folder)["module"], folder
    raise FathomError(f"{run}: has no weights yet: it stopped before its first checkpoint")
