"""What cannot be said in one plain file, told in one line before anything is written."""

from __future__ import annotations

from fathom.errors import FathomError
from fathom.models.own_code import is_code
from fathom.models.registry import builtin_names
from fathom.settings.config import Config

# setting -> what it must be
_PLAIN = {
    "accumulate": 1,
    "clip_value": None,
    "gradient_norm": None,
    "max_weight_norm": None,
    "l1": 0.0,
    "ema": None,
    "keep_zeros": False,
    "fast_dev_run": False,
    "overfit_batches": 0,
    "distill": None,
}
KINDS = ("arrays", "array_files", "images", "tables", "texts")


def check_ejectable(config: Config, run: str) -> None:
    """Refuse a run with a part that the plain file has no code for.

    Raises:  FathomError naming it
    """
    reasons = [
        f"training.{name}={getattr(config.training, name)!r}"
        for name, plain in _PLAIN.items()
        if getattr(config.training, name) != plain
    ]
    if config.data.kind not in KINDS:
        reasons.append("data given from Python, which lie in no file")
    if config.data.balance != "none":
        reasons.append(f"data.balance={config.data.balance}")
    if config.data.fold is not None:
        reasons.append("a fold of a cross-validation")
    if config.data.options.get("reweight"):
        reasons.append("reweighted rows")
    if config.finetune.init_from or config.finetune.freeze:
        reasons.append("weights from elsewhere")
    if config.execution.compile != "off":
        reasons.append(f"execution.compile={config.execution.compile}")
    if (config.training.schedule or "").startswith(("plateau", "lambda")):
        reasons.append(f"the schedule {config.training.schedule}")
    if config.model.name == "tabular":  # an ensemble in one network
        reasons.append("the network tabular, whose members are validated on rows kept from each of them")
    if config.model.name not in builtin_names() and not is_code(config.model.name):
        reasons.append(f"the network {config.model.name}, which is in no file: name it as package.module:function")
    if reasons:
        raise FathomError(f"{run}: cannot be ejected: {'; '.join(reasons)}")
