"""Initial values: how large weights must be for the signal, forward and backward, to keep its size.

With n_in inputs of variance 1 a sum of products with weights of variance γ has variance n_in γ; going back the same
holds with n_out. Xavier's γ = 2/(n_in + n_out) is the compromise; Kaiming's γ = 2/n_in makes up for the half that ReLU
cuts off. All functions fill a tensor in place, from ``generator`` or the one that ``manual_seed`` sets.

Source:  notes N1 §1.7; Glorot & Bengio 2010; He et al. 2015, arXiv:1502.01852
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

import numpy as np

from fathom.scratch.engine.autograd import no_grad
from fathom.scratch.engine.checks import check_number
from fathom.scratch.engine.creation import default_generator
from fathom.scratch.engine.tensor import Tensor
from fathom.scratch.layers.module import Module

T = TypeVar("T", bound=Tensor)
Fill = Callable[[Tensor], Tensor]  # writes into a tensor of any shape and returns it


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return the numbers of inputs and outputs that a weight connects; for a kernel each counts once for every place in
    it: of (n_out, n_in, k_1, …) they are n_in·k_1·… and n_out·k_1·….

    Raises:  ValueError if there are fewer than two axes
    """
    if len(shape) < 2:
        raise ValueError(f"fans: a weight needs at least two axes (outputs, inputs, …), but has shape {shape}")
    # kernel axes stand behind (outputs, inputs)
    places = int(np.prod(shape[2:]))  # kh·kw; 1 for a dense layer
    return shape[1] * places, shape[0] * places  # outputs come first in the shape


def constant_(tensor: T, value: float) -> T:
    """Fill with one value: with it all units of a layer stay equal for ever.
    Shape:   tensor (…) -> (…); filled in place

    Equals:  torch.nn.init.constant_
    """
    return _fill(tensor, np.full(tensor.shape, value))


def zeros_(tensor: T) -> T:
    """Fill with 0, for biases.
    Shape:   tensor (…) -> (…); filled in place

    Equals:  torch.nn.init.zeros_
    """
    return constant_(tensor, 0.0)


def normal_(tensor: T, mean: float = 0.0, std: float = 0.01, generator: np.random.Generator | None = None) -> T:
    """Draw normal numbers. The standard deviation 0.01 is the notes'.
    Shape:   tensor (…) -> (…); filled in place

    Equals:  torch.nn.init.normal_, whose standard deviation is 1 if none is given
    """
    check_number("normal_", "std", std)  # a standard deviation of 0 is allowed: all equal
    return _fill(tensor, (generator or default_generator()).normal(mean, std, tensor.shape))


def uniform_(tensor: T, low: float = 0.0, high: float = 1.0, generator: np.random.Generator | None = None) -> T:
    """Draw uniform numbers between low and high.
    Shape:   tensor (…) -> (…); filled in place

    Equals:  torch.nn.init.uniform_
    """
    if not low <= high:
        raise ValueError(f"uniform_: low must not be above high, but low is {low} and high {high}")
    return _fill(tensor, (generator or default_generator()).uniform(low, high, tensor.shape))


def xavier_uniform_(tensor: T, gain: float = 1.0, generator: np.random.Generator | None = None) -> T:
    """Draw uniform numbers within ±gain·√(6/(n_in + n_out)); its variance is gain²·2/(n_in + n_out).
    Shape:   tensor (n_out, n_in, …) -> (n_out, n_in, …); filled in place

    Equals:  torch.nn.init.xavier_uniform_
    """
    bound = gain * np.sqrt(6 / sum(fans(tensor.shape)))  # a uniform law on ±b has variance b²/3
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: T, gain: float = 1.0, generator: np.random.Generator | None = None) -> T:
    """Draw normal numbers with variance gain²·2/(n_in + n_out).
    Shape:   tensor (n_out, n_in, …) -> (n_out, n_in, …); filled in place

    Equals:  torch.nn.init.xavier_normal_
    """
    # Xavier's compromise between 1/n_in, forward, and 1/n_out, backward
    return normal_(tensor, 0.0, gain * np.sqrt(2 / sum(fans(tensor.shape))), generator)


def kaiming_uniform_(tensor: T, slope: float = 0.0, generator: np.random.Generator | None = None) -> T:
    """Draw uniform numbers with Kaiming's variance 2/((1 + slope²)·n_in), ``slope`` being a PReLU's.
    Shape:   tensor (n_out, n_in, …) -> (n_out, n_in, …); filled in place

    Equals:  torch.nn.init.kaiming_uniform_(a=slope)
    """
    bound = np.sqrt(6 / ((1 + slope**2) * fans(tensor.shape)[0]))  # b² = 3 · 2/((1 + slope²) n_in)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(tensor: T, slope: float = 0.0, generator: np.random.Generator | None = None) -> T:
    """Draw normal numbers with variance 2/((1 + slope²)·n_in).
    Shape:   tensor (n_out, n_in, …) -> (n_out, n_in, …); filled in place

    Equals:  torch.nn.init.kaiming_normal_(a=slope)
    """
    # ReLU (slope 0) halves the second moment: hence the 2
    return normal_(tensor, 0.0, np.sqrt(2 / ((1 + slope**2) * fans(tensor.shape)[0])), generator)


def initialize(net: Module, rule: Fill | Mapping[type[Module], Fill]) -> None:
    """Fill the weights of two or more axes by a rule, and set the biases beside them to 0.

    Args:
        rule: a function for all layers, or one for each kind of layer: {Linear: xavier_uniform_, Conv2d: …}

    A parameter that several layers share is filled once.
    """
    done: set[int] = set()  # identities of what is filled
    for module in net.modules():
        fill = rule
        if isinstance(rule, Mapping):
            found = [each for kind, each in rule.items() if isinstance(module, kind)]
            if not found:
                continue
            fill = found[0]  # the first kind that fits, in the order given
        own = {  # tensors that are attributes of this module itself, not of those within
            name: value for name, value in vars(module).items() if isinstance(value, Tensor) and id(value) not in done
        }
        if not any(value.ndim >= 2 for value in own.values()):
            continue  # a normalisation, a PReLU
        for value in own.values():
            done.add(id(value))
            if value.ndim >= 2:
                fill(value)  # type: ignore[operator]
            else:
                zeros_(value)  # a bias beside a weight


def _fill(tensor: T, values: np.ndarray) -> T:
    with no_grad():  # a leaf that requires a gradient may be written to here
        tensor[...] = values
    return tensor
