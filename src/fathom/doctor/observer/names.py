"""Names of parameters, and the layers that hold them."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

if TYPE_CHECKING:
    from fathom.doctor.observer.observer import Observer
    from fathom.doctor.observer.steps import Followed


class Names:
    """Finds the layer of a parameter: in the networks that were called, else among all modules that were made."""

    def __init__(self, observer: Observer) -> None:
        self.observer = observer
        self._known: dict[int, tuple[weakref.ref[Tensor], str, weakref.ref[nn.Module] | None]] = {}
        self._unnamed = 0
        self.reached: dict[int, weakref.ref[Tensor]] = {}  # by a backward pass that was looked at

    def of(self, parameter: Tensor) -> str:
        """Return the name of a parameter."""
        return self._find(parameter)[0]

    def owner(self, parameter: Tensor) -> nn.Module | None:
        """Return the layer that holds a parameter, if one is known."""
        return self._find(parameter)[1]

    def layer(self, parameter: Tensor) -> str:
        """Return the name of that layer."""
        return self.of(parameter).rpartition(".")[0] or self.of(parameter)

    def _find(self, parameter: Tensor) -> tuple[str, nn.Module | None]:
        entry = self._known.get(id(parameter))
        if entry is None or entry[0]() is not parameter:
            self._look(parameter)
            entry = self._known[id(parameter)]
        return entry[1], entry[2]() if entry[2] is not None else None

    def _look(self, parameter: Tensor) -> None:
        roots = [root for root in self.observer.modules.roots.values() if root.module() is not None]
        for number, root in enumerate(roots):
            module = root.module()
            assert module is not None
            label = "" if len(roots) == 1 else f"{root.record.kind} {number + 1}." if number else f"{root.record.kind}."
            for prefix, layer in module.named_modules():
                for key, p in layer.named_parameters(recurse=False):
                    if p is parameter:
                        self._put(parameter, label + (f"{prefix}.{key}" if prefix else key), layer)
                        return
        for layer in list(self.observer.module_places):
            for key, p in getattr(layer, "_parameters", {}).items():
                if p is parameter:
                    self._put(parameter, f"{type(layer).__name__}.{key}", layer)
                    return
        self._unnamed += 1
        self._put(parameter, f"tensor {self._unnamed} {tuple(parameter.shape)}", None)

    def _put(self, parameter: Tensor, name: str, layer: nn.Module | None) -> None:
        self._known[id(parameter)] = (weakref.ref(parameter), name, None if layer is None else weakref.ref(layer))

    def note_reached(self, variables: list[Tensor]) -> None:
        """Remember which parameters a backward pass reaches."""
        for variable in variables:
            self.reached.setdefault(id(variable), weakref.ref(variable))

    def note_silent(self, each: Followed) -> None:
        """Note the parameters of an optimiser that never had a gradient, and what their layers did."""
        optimizer = each.optimizer()
        if optimizer is None or each.record.kind == "LBFGS":
            return
        each.record.silent = []
        for parameter in each.parameters():
            name = self.of(parameter)
            if not parameter.requires_grad or name in each.record.parameters_with_gradient:
                continue
            each.record.silent.append(self._describe_silent(parameter, name))

    def _describe_silent(self, parameter: Tensor, name: str) -> dict[str, Any]:
        layer = self.owner(parameter)
        if layer is None:
            return {"name": name, "layer": name, "kind": "", "place": "", "calls": -1, "quiet_calls": 0, "leaf": False}
        calls, quiet = self.observer.modules.calls_of(layer)
        return {
            "name": name,
            "layer": self.layer(parameter),
            "kind": type(layer).__name__,
            "place": self.observer.modules.place_of(layer),
            "calls": calls,
            "quiet_calls": quiet,
            "leaf": next(layer.children(), None) is None,
            "in_root": any(
                id(parameter) in root.record.parameters.values() for root in self.observer.modules.roots.values()
            ),
        }

    def note_unowned(self, owned: set[int]) -> None:
        """Note the parameters that have gradients and that no optimiser holds."""
        registered = {i for root in self.observer.record.roots for i in root.parameters.values()}
        for root in self.observer.modules.roots.values():
            record = root.record
            if root.module() is None:
                continue
            ids = {i: name for name, i in record.parameters.items()}
            alive = [i for i in ids if i in self.reached and self.reached[i]() is not None and i not in owned]
            record.unowned = [ids[i] for i in alive if ids[i] in record.trainable]
            self._note_plain_tensors(root.module(), owned)
        for i, reference in self.reached.items():
            parameter = reference()
            if parameter is None or i in owned or i in registered or not isinstance(parameter, nn.Parameter):
                continue
            layer = self.owner(parameter)
            place = self.observer.modules.place_of(layer)
            self.observer.record.foreign_layers[self.of(parameter)] = place

    def _note_plain_tensors(self, network: nn.Module | None, owned: set[int]) -> None:
        """Note the tensors that a network holds as plain attributes, though backward passes reach them."""
        for name, layer in network.named_modules() if network is not None else ():
            for key, value in vars(layer).items():
                if not isinstance(value, Tensor) or not value.is_leaf or id(value) in owned:
                    continue
                if id(value) in self.reached and self.reached[id(value)]() is value:
                    label = f"{name}.{key}".lstrip(".")
                    self.observer.record.plain_tensors[label] = self.observer.modules.place_of(layer)
