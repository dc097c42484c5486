"""Loss functions: what goes into them, from which operation, against which targets."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor

from fathom.doctor.observer.graph import producer, softmax_dimension
from fathom.doctor.observer.part import Part
from fathom.doctor.observer.places import user_place
from fathom.doctor.observer.record import LossCall
from fathom.doctor.observer.statistics import first_tensor

if TYPE_CHECKING:
    from fathom.doctor.observer.observer import Observer

CLASS_LOSSES = ("cross_entropy", "nll_loss")
BINARY_LOSSES = ("binary_cross_entropy", "binary_cross_entropy_with_logits", "multilabel_soft_margin_loss")
VALUE_LOSSES = ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss")
SIGNED_LOSSES = ("soft_margin_loss", "hinge_embedding_loss", "margin_ranking_loss")  # their targets are −1 and 1
WATCHED = (*CLASS_LOSSES, *BINARY_LOSSES, *VALUE_LOSSES, *SIGNED_LOSSES, "kl_div")
MOST_CLASSES = 1000  # whose targets are counted
# one call in so many has its targets counted, besides those that are looked at closely; of the first ones, more
CALLS_PASSED_OVER, FIRST_PASSED_OVER, FIRST_CALLS = 50, 10, 200


class Losses(Part):
    """Follows the loss functions of ``torch.nn.functional``, which those of ``torch.nn`` call."""

    def __init__(self, observer: Observer) -> None:
        super().__init__(observer)
        self.last_batch_size: int | None = None
        self.last_value: Tensor | None = None
        self._is_inside = False
        self._num_calls = 0
        self._calls: dict[str, int] = {}
        self._signatures = {name: inspect.signature(getattr(F, name)) for name in WATCHED if hasattr(F, name)}

    def install(self) -> list[Any]:
        for name in self._signatures:
            self.observer.patches.wrap(F, name, self._around(name))
        return []

    def _around(self, name: str) -> Callable[..., Any]:
        def around(original: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            if self._is_inside or self.observer.is_idle():
                return original(*args, **kwargs)
            self._is_inside = True
            try:
                result = original(*args, **kwargs)
            except Exception as error:
                with self.observer.own_work("failed loss"):
                    self._called(name, args, kwargs, None, str(error))
                raise
            finally:
                self._is_inside = False
            self._num_calls += 1
            every = FIRST_PASSED_OVER if self._num_calls < FIRST_CALLS else CALLS_PASSED_OVER
            if not self.observer.is_close and self._num_calls % every and _learns(args, kwargs):
                return result  # one like those that were looked at
            with self.observer.own_work("loss"):
                self._called(name, args, kwargs, result, "")
            return result

        return around

    def _called(self, name: str, args: Any, kwargs: Any, result: Tensor | None, error: str) -> None:
        bound = self._signatures[name].bind(*args, **kwargs)
        bound.apply_defaults()
        values = bound.arguments
        x, target = values.get("input"), values.get("target")
        if not isinstance(x, Tensor) or not isinstance(target, Tensor):
            return
        if x.is_meta or type(x).__torch_dispatch__ is not Tensor.__torch_dispatch__:
            return  # shapes alone, or a wrapper, whose values lie elsewhere
        if type(x) is not Tensor:  # one that only has methods of its own, such as those of fastai
            with torch.enable_grad():  # with its graph
                x, target = x.as_subclass(Tensor), target.as_subclass(Tensor)
        place = user_place()
        count = self._calls[place] = self._calls.get(place, 0) + 1
        root = self.observer.modules.current
        is_training = x.requires_grad and (root is None or root.last_training or not root.record.mode_modules)
        self.last_batch_size = _counted_targets(target, values)
        self.last_value = result.detach() if result is not None and result.numel() == 1 else None
        if is_training and not error:
            self._count_targets(name, place, x, target, values)
        if not x.requires_grad and result is not None and result.numel() == 1 and result.device.type == "cpu":
            entry = {"step": self.observer.step, "loss": float(result), "place": place, "kind": name}
            self.record.evaluations.append(entry | self._accuracy(name, x, target))
        if root is not None and is_training:
            self.observer.modules.axes.compare(root.record, self._count_samples(target))
        if is_training and root is not None and root.last_inputs is not None:
            self.observer.samples.learned_from(first_tensor(root.last_inputs), target)
        if self.observer.is_close or error or (not x.requires_grad and count <= 3):
            facts = self._facts(name, x, target, values, result)
            facts["error"] = error
            self.record.losses.append(LossCall(name, place, self.observer.step, is_training, facts))

    def _count_samples(self, target: Tensor) -> int | None:
        """Return how many samples the step has, where something tells it: a loader's batch size, or flat targets."""
        declared = self.observer.loaders.batch_size
        if declared is not None:
            return declared
        return len(target) if target.dim() == 1 or (target.dim() == 2 and target.shape[1] == 1) else None

    def _facts(self, name: str, x: Tensor, target: Tensor, values: Any, result: Tensor | None) -> dict[str, Any]:
        facts: dict[str, Any] = {
            "producer": (made_by := producer(x))[0],
            "producer_place": self.observer.modules.activation_places.get(made_by[1], ""),
            "softmax_dim": softmax_dimension(x),
            "shape": tuple(x.shape),
            "target_shape": tuple(target.shape),
            "target_dtype": str(target.dtype).removeprefix("torch."),
            "ignore_index": values.get("ignore_index"),
            "reduction": values.get("reduction"),
            "value": float(result) if result is not None and result.numel() == 1 else None,
            "log_target": bool(values.get("log_target", False)),
            "has_pos_weight": values.get("pos_weight") is not None or values.get("weight") is not None,
        }
        if x.numel() == 0 or target.numel() == 0:
            return facts
        y = x.detach().float()
        facts |= {"min": float(y.min()), "max": float(y.max())}
        t = target.detach()
        facts |= {
            "target_min": float(t.min()),
            "target_max": float(t.max()),
            "target_finite": bool(torch.isfinite(t).all()),
        }
        if t.is_floating_point():
            facts["target_is_whole"] = bool((t == t.round()).all())
            facts["target_values"] = sorted(set(t.flatten()[:2000].tolist()))[:50]
            facts["negative_targets"] = float((t < 0).float().mean())
            facts["target_std"] = float(t.std()) if t.numel() > 1 else 0.0
        if name in (*CLASS_LOSSES, "kl_div") and y.dim() >= 1 and y.shape[min(1, y.dim() - 1)] > 0:
            dim = 1 if y.dim() > 1 else 0
            facts["classes"] = y.shape[dim]
            facts["row_sum_error"] = float((y.sum(dim) - 1).abs().max())
            facts["logsumexp"] = float(torch.logsumexp(y, dim).abs().max())
            facts["zero_rows"] = float((y == 0).all(dim).float().mean())
        return facts

    def _accuracy(self, name: str, x: Tensor, target: Tensor) -> dict[str, Any]:
        if name in CLASS_LOSSES and x.dim() == 2 and target.dim() == 1 and x.shape[1] > 1:
            return {"accuracy": float((x.argmax(1) == target).float().mean()), "samples": len(x)}
        return {"samples": len(x) if x.dim() else 1}

    def _count_targets(self, name: str, place: str, x: Tensor, target: Tensor, values: Any) -> None:
        """Count classes among targets and predictions, on the device."""
        if name not in CLASS_LOSSES or target.is_floating_point() or x.dim() < 2 or x.shape[1] > MOST_CLASSES:
            return
        classes = x.shape[1]
        known = target[(target >= 0) & (target < classes)].flatten()
        entry = self.record.target_counts.get(place)
        if entry is None or entry["classes"] != classes:
            entry = {
                "classes": classes,
                "is_sequence": x.dim() > 2,
                "targets": torch.zeros(classes, dtype=torch.long, device=x.device),
            }
            entry |= {
                "recent": [],
                "ignore_index": values.get("ignore_index", -100),
                "weighted": values.get("weight") is not None,
            }
            self.record.target_counts[place] = entry
        entry["targets"] += torch.bincount(known, minlength=classes)
        if self.observer.is_close:
            guesses = torch.bincount(x.detach().argmax(1).flatten(), minlength=classes)
            entry["recent"] = [
                *entry["recent"][-7:],
                (self.observer.step, guesses.tolist(), torch.bincount(known, minlength=classes).tolist()),
            ]


def _learns(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether the input of a loss carries a gradient: else it is an evaluation, all of which are followed."""
    x = args[0] if args else kwargs.get("input")
    return isinstance(x, Tensor) and x.requires_grad


def _counted_targets(target: Tensor, values: Any) -> int:
    """Return over how many targets a mean goes."""
    ignored = values.get("ignore_index")
    # on another device counting would wait for it
    if ignored is not None and not target.is_floating_point() and target.device.type == "cpu":
        return int((target != ignored).sum())
    return len(target) if target.dim() else 1
