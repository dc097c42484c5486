"""Networks are made of modules: parameters by name, modules in modules, a state that can be saved.

Source:  notes N1 §2.1 and S2 of the scope: blocks, parameter access, saving
"""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fathom.scratch.engine.tensor import Tensor


class Parameter(Tensor):
    """A tensor to be learned: a module lists it among its parameters.

    Equals:  torch.nn.Parameter
    """

    __slots__ = ()  # no attributes but a tensor's own

    def __init__(self, data: Any, requires_grad: bool = True) -> None:
        super().__init__(data, requires_grad)


class Module:
    """What a layer, a block and a network have in common. A subclass sets parameters and modules as attributes.

    Beside parameters there are buffers: arrays that belong to the state but are not learned, such as moving statistics.

    Equals:  torch.nn.Module
    """

    def __init__(self) -> None:
        self.training = True  # as torch: a new layer is in training mode
        self._buffers: dict[str, np.ndarray] = {}  # in the state, not among the parameters

    def forward(self, *inputs: Any) -> Any:
        """Compute the output; a subclass says how."""
        raise NotImplementedError(f"{type(self).__name__} defines no forward()")

    def __call__(self, *inputs: Any) -> Any:
        return self.forward(*inputs)

    # What it is made of ---------------------------------------------------------------------------------------------

    def children(self) -> Iterator[tuple[str, Module]]:
        """The modules that are attributes of this one, by name."""
        for name, value in vars(self).items():  # in the order in which they were set
            if isinstance(value, Module):
                yield name, value

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """This module and all within, by dotted name; one that occurs twice comes once."""
        seen: set[int] = set()  # by identity: == compares entries
        stack = [(prefix, self)]
        while stack:
            name, module = stack.pop()
            if id(module) in seen:  # a shared module, or a ring
                continue
            seen.add(id(module))
            yield name, module
            inner = [(f"{name}.{child}" if name else child, each) for child, each in module.children()]
            stack.extend(reversed(inner))  # so that they are taken in their order

    def modules(self) -> Iterator[Module]:
        for _, module in self.named_modules():
            yield module

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """All parameters by dotted name; one that two layers share comes once, under its first name."""
        seen: set[int] = set()
        for name, value in self._named_state():  # a shared weight must not be updated twice in a step
            if isinstance(value, Parameter) and id(value) not in seen:
                seen.add(id(value))
                yield name, value

    def parameters(self) -> Iterator[Parameter]:
        for _, parameter in self.named_parameters():
            yield parameter

    def _named_state(self) -> Iterator[tuple[str, Any]]:
        """Parameters and buffers by dotted name; shared ones under each name."""
        stack: list[tuple[str, Module]] = [("", self)]
        while stack:
            prefix, module = stack.pop()
            for name, value in vars(module).items():
                if isinstance(value, Parameter):
                    yield prefix + name, value  # the prefix ends in a dot
            for name, array in module._buffers.items():
                yield prefix + name, array
            stack.extend(reversed([(f"{prefix}{name}.", child) for name, child in module.children()]))

    # What it does while learning ------------------------------------------------------------------------------------

    def train(self, mode: bool = True) -> Module:
        """Set training mode, in which dropout drops and batch normalisation uses the batch."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Module:
        """Set evaluation mode."""
        return self.train(False)

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for parameter in self.parameters():
            parameter.grad = None  # zeros would count as a gradient for optimisers with momentum

    def apply(self, function: Callable[[Module], Any]) -> Module:
        """Call a function with each module within, then with this one."""
        for module in reversed(list(self.modules())):  # from the inside out, as torch
            function(module)
        return self

    def astype(self, dtype: Any) -> Module:
        """Convert parameters and floating-point buffers, in place."""
        for parameter in self.parameters():
            parameter.data = parameter.data.astype(dtype)  # a new array: views of the old one keep the old type
            parameter.grad = None
        for module in self.modules():
            for name, array in module._buffers.items():
                if array.dtype.kind == "f":  # counters are integers and stay so
                    module._buffers[name] = array.astype(dtype)
        return self

    def double(self) -> Module:
        return self.astype(np.float64)

    # What is saved --------------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, np.ndarray]:
        """Return copies of all parameters and buffers by name.

        Shape:   -> (n', m'); any shapes, by name
        """
        return {
            name: np.array(value.data if isinstance(value, Parameter) else value) for name, value in self._named_state()
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Write values into the parameters and buffers, in their memory and their type.

        Raises:  ValueError if names are missing or not known or a shape differs; nothing is changed then
        """
        own = dict(self._named_state())  # a shared parameter under each of its names
        for what, names in (("lacks", own.keys() - state.keys()), ("has an unknown", state.keys() - own.keys())):
            if names:
                raise ValueError(f"the state does not fit {type(self).__name__}: it {what} {', '.join(sorted(names))}")
        values = {name: np.asarray(value.data if isinstance(value, Tensor) else value) for name, value in state.items()}
        for name, value in own.items():  # all shapes before the first write: a bad state changes nothing
            if values[name].shape != value.shape:
                raise ValueError(f"{name} has shape {value.shape}, but the state's has {values[name].shape}")
        for name, value in own.items():
            if isinstance(value, Parameter):
                value.data[...] = values[name]  # in place and in the own type
                value._memory.version += 1  # a graph that saved the old values must refuse to go back
            else:
                value[...] = values[name]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the state into one file, through a temporary one beside it."""
        save(path, self.state_dict())

    def load(self, path: str | os.PathLike[str]) -> None:
        """Read the state from a file that ``save`` wrote."""
        self.load_state_dict(load(path))


class Sequential(Module):
    """Modules one after another; each gets what the one before returned. They are named "0", "1", …, or by keyword.

    Equals:  torch.nn.Sequential
    """

    def __init__(self, *modules: Module, **named: Module) -> None:
        super().__init__()
        # positions and keywords in one dictionary
        for name, module in {**{str(i): module for i, module in enumerate(modules)}, **named}.items():
            if not isinstance(module, Module):
                raise TypeError(f"Sequential: {name} must be a Module, not {type(module).__name__}")
            if name in vars(self) or hasattr(Module, name):  # a name such as "train" would hide the method
                raise ValueError(f"Sequential: a module cannot be called {name!r}, which every module has")
            setattr(self, name, module)

    def __len__(self) -> int:
        return sum(1 for _ in self.children())

    def __iter__(self) -> Iterator[Module]:
        return (module for _, module in self.children())

    def __getitem__(self, index: int) -> Module:
        return [module for _, module in self.children()][index]

    def forward(self, X: Any) -> Any:
        for module in self:
            X = module(X)
        return X


def save(path: str | os.PathLike[str], arrays: Mapping[str, Any]) -> None:
    """Write tensors by name into an .npz file. A list goes in as {"0": …, "1": …}.

    The file appears under its name only when it is complete. It holds arrays of numbers and nothing else.
    """
    target = Path(path)
    values = {name: np.asarray(value.data if isinstance(value, Tensor) else value) for name, value in arrays.items()}
    for name, value in values.items():
        if value.dtype.kind not in "fiub":  # floating-point, integers, unsigned, bool
            raise TypeError(f"save: {name} must hold numbers, not {value.dtype}")
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")  # in the same folder: a rename is atomic there
    try:
        with partial.open("wb") as file:
            # What np.savez does, which keeps the names file and allow_pickle for itself
            with zipfile.ZipFile(file, "w") as archive:
                for name, value in values.items():
                    with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:  # an array may pass 2 GiB
                        np.lib.format.write_array(entry, value, allow_pickle=False)
            file.flush()
            os.fsync(file.fileno())  # on the disk before it gets its name
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)  # gone if renamed, or if the write failed


def load(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """Read what ``save`` wrote. A file that holds Python objects is refused: opening it never runs code.
    Shape:   -> (n', m'); any shapes, by name

    Raises:  ValueError if the file is not such a file
    """
    try:
        with open(path, "rb") as file, zipfile.ZipFile(file) as archive:
            arrays = {}
            for entry in archive.namelist():
                with archive.open(entry) as member:
                    arrays[entry.removesuffix(".npy")] = np.lib.format.read_array(member, allow_pickle=False)
            return arrays
    except (ValueError, EOFError, NotImplementedError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{path} is not a file of tensors that save() wrote: {error}") from None
