"""Reading the weights that a run starts from: another run's, a file's, torchvision's. No file can run code."""

from __future__ import annotations

import hashlib
import http.client
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from torch import Tensor

from fathom.data.fetch.offline import refuse_offline
from fathom.errors import FathomError, UsageError, unknown
from fathom.inference.saved import read_best_weights, read_description
from fathom.progress import Progress, elapsed
from fathom.settings.origin import Origin, is_pickled

_NET = "net."  # the module's attribute that holds the network
_WRAPPERS = ("module.", "model.", "_orig_mod.", _NET)  # prefixes of DataParallel, Lightning, torch.compile and our own
_INSIDE = ("state_dict", "model_state_dict", "model")  # keys under which training programs save the weights


@dataclass(frozen=True)
class Weights:
    """A network's weights as they were read.

    Attributes:
        source: what they are, for messages.
        tensors: by the names of the network's parameters and buffers.
        outputs: names of the classes or tokens along the last layer's rows; () if unknown.
    """

    source: str
    tensors: dict[str, Tensor]
    outputs: tuple[str, ...] = ()


def read_origin(origin: Origin) -> Weights:
    """Read the weights that an origin names.

    Raises:  UsageError, FathomError naming the file that is missing, damaged or could run code, or the address that
        cannot be reached
    """
    if origin.kind == "run":
        found = _read_run(origin.path)
    elif origin.kind == "file":
        found = Weights(origin.path.name, _unwrapped(_read_file(origin.path)))
    else:
        found = _read_torchvision(origin)
    for name, tensor in found.tensors.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():  # a diverged run's would poison every layer
            raise FathomError(f"{origin}: {name} holds numbers that are not finite; start from other weights")
    return found


def _read_run(path: Path) -> Weights:
    description = read_description(path)
    tensors, _ = read_best_weights(path)
    outputs = description.get("tokens") or description["class_names"]  # of a text its tokens; a regression has ()
    # preprocessing stays behind: the new data bring their own
    net = {name.removeprefix(_NET): tensor for name, tensor in tensors.items() if name.startswith(_NET)}
    return Weights(f"the best weights of {path.name}", net, tuple(outputs))


def _read_file(path: Path) -> dict[str, Tensor]:
    content = _read_pickled(path) if is_pickled(path) else _read_safetensors(path)  # by its ending
    if not content:
        raise FathomError(f"{path}: holds no weights")
    return content


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_tensors(path.read_bytes())
    except OSError as error:
        raise FathomError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (SafetensorError, ValueError) as error:
        raise FathomError(f"{path}: truncated, altered or not a safetensors file ({error})") from error


def _read_pickled(path: Path) -> dict[str, Tensor]:
    """Read torch's own format with the loader that makes only tensors and plain values."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # about pickles of another protocol, which are refused or read
            content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise FathomError(f"{path}: cannot be read ({error.strerror or error})") from error
    except UnpicklingError:
        raise UsageError(
            f"{path}: holds more than tensors, and reading it could run code; in the program that made it, save the "
            "weights alone: safetensors.torch.save_file(model.state_dict(), 'weights.safetensors')"
        ) from None
    except (RuntimeError, EOFError, ValueError, KeyError) as error:
        raise FathomError(f"{path}: truncated, altered or not a file of weights ({_first_line(error)})") from error
    for key in _INSIDE:  # in this order, one inside the other too
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict) or not all(isinstance(value, Tensor) for value in content.values()):
        raise UsageError(f"{path}: not a state dict; save the weights alone: torch.save(model.state_dict(), …)")
    return {str(name): tensor for name, tensor in content.items()}


def _unwrapped(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Strip the prefixes that wrappers add to every name; from our own files take the network only."""
    # a module of Fathom's holds buffers of preprocessing beside the network
    if any(name.startswith(_NET) for name in tensors):
        return {name.removeprefix(_NET): tensor for name, tensor in tensors.items() if name.startswith(_NET)}
    for prefix in _WRAPPERS:
        if all(name.startswith(prefix) for name in tensors):  # only if all have it: a layer may be called model
            tensors = {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
    return tensors


def _read_torchvision(origin: Origin) -> Weights:
    """Read torchvision's weights from its cache, or download them into it, checked by the hash in their name."""
    from torchvision.models import get_model_weights

    # not SWAG and the like, trained otherwise
    published = {w.name: w for w in get_model_weights(origin.network) if w.name.startswith("IMAGENET1K_V")}
    name = origin.weights or get_model_weights(origin.network).DEFAULT.name
    if name not in published:
        raise unknown(f"weights of torchvision's {origin.network}", name, published)
    weights = published[name]
    # torch.hub's folder: weights fetched by other programs are found
    file = Path(torch.hub.get_dir()) / "checkpoints" / weights.url.rpartition("/")[2]
    if not file.exists():
        _download(weights.url, file)
    elif not _has_hash_of_name(file):
        raise FathomError(f"{file}: its SHA-256 is not the one in its name: damaged; delete it to download it again")
    outputs = tuple(weights.meta["categories"])  # names of ImageNet's classes: rows are reused by name
    return Weights(f"torchvision's {origin.network} ({name}, {weights.url})", _read_pickled(file), outputs)


def _download(url: str, file: Path) -> None:
    place = f"put {file.name} into {file.parent}, or set TORCH_HOME to the folder that has it in hub/checkpoints"
    refuse_offline([url], place)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        print(f"downloading {url} to {file}", file=sys.stderr, flush=True)
        with Progress(f"downloading {file.name}", amount=elapsed(), ticks=True):
            # to a temporary name first, then renamed
            # the hash is checked before the rename
            torch.hub.download_url_to_file(url, str(file), _hash_in(file), progress=False)
    except RuntimeError as error:  # the hash
        raise FathomError(f"{url}: damaged on the way or at its source ({error}); try again later") from error
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or repr(error)
        raise FathomError(f"cannot download {url} ({reason}); without a network, {place}") from error


def _hash_in(file: Path) -> str:
    """Return the first digits of the SHA-256 that torch puts at the end of a name, as in resnet18-f37072fd.pth."""
    return file.stem.rpartition("-")[2]


def _has_hash_of_name(file: Path) -> bool:
    try:
        with file.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest().startswith(_hash_in(file))  # read in pieces
    except OSError as error:
        raise FathomError(f"{file}: cannot be read ({error.strerror})") from error


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
