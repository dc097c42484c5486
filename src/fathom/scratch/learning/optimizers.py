"""Optimisers: what is done with the gradients.

Gradient descent, stochastic and mini-batch gradient descent are one rule, w ← w − η g. They differ in what g is the
mean over: all samples, one, or a batch.

Source:  notes N1 §1.2.2, §1.6.1; Kingma & Ba 2015, arXiv:1412.6980; Loshchilov & Hutter 2019, arXiv:1711.05101;
         Reddi et al. 2018 (amsgrad)
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from fathom.scratch.engine.checks import check_number, check_probability
from fathom.scratch.engine.tensor import Tensor


class Optimizer:
    """The parameters, and a learning rate ``lr`` that may be set anew before every step."""

    def __init__(self, parameters: Iterable[Tensor], lr: float, weight_decay: float) -> None:
        name = type(self).__name__
        self.parameters = list(parameters)
        if not self.parameters:
            raise ValueError(f"{name}: parameters is empty; there is nothing to learn")
        for parameter in self.parameters:
            if not isinstance(parameter, Tensor) or not parameter.is_leaf:
                # a computed tensor is thrown away after the step
                raise TypeError(f"{name}: parameters must be tensors that nothing computed, not {parameter!r}")
        self.lr = check_number(name, "lr", lr)
        self.weight_decay = check_number(name, "weight_decay", weight_decay)
        # Of each parameter what its rule remembers
        self.state: list[dict[str, np.ndarray]] = [{} for _ in self.parameters]
        self.num_steps = 0

    def zero_grad(self) -> None:
        """Forget all gradients: backward() adds to them."""
        for parameter in self.parameters:
            parameter.grad = None  # as torch: None, not zeros

    def step(self) -> None:
        """Change every parameter that has a gradient, in its memory."""
        self.num_steps += 1
        for parameter, state in zip(self.parameters, self.state, strict=True):
            if parameter.grad is not None:  # out of use in this step: no decay and no momentum either
                self.update(parameter.data, parameter.grad.data, state)
                parameter._memory.version += 1  # a graph that saved the old value can no longer go back

    def update(self, w: np.ndarray, g: np.ndarray, state: dict[str, np.ndarray]) -> None:
        """Change one parameter in place.

        Shape:   w (…), g (…) ->; w is changed in place
        """
        raise NotImplementedError(f"{type(self).__name__} defines no update()")


class SGD(Optimizer):
    """w ← w − η g, with what may be added to g: weight decay, momentum.

    Weight decay adds λw to g, the derivative of ½λ‖w‖². With momentum μ, g is replaced by the velocity
    v ← μv + (1 − d)g, which starts as the first g; Nesterov's takes g + μv.

    Args:
        momentum: μ
        dampening: d
        nesterov: look ahead; needs a momentum and no dampening

    Equals:  torch.optim.SGD
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        dampening: float = 0.0,
        nesterov: bool = False,
    ) -> None:
        super().__init__(parameters, lr, weight_decay)
        self.momentum = check_number("SGD", "momentum", momentum)
        self.dampening = dampening
        if nesterov and (momentum == 0 or dampening != 0):
            raise ValueError("SGD: nesterov needs a momentum above 0 and dampening 0")
        self.nesterov = nesterov

    def update(self, w: np.ndarray, g: np.ndarray, state: dict[str, np.ndarray]) -> None:
        """Step against the gradient, or along the velocity.

        Shape:   w (…), g (…) ->; w is changed in place
        """
        if self.weight_decay:
            g = g + self.weight_decay * w  # not in place: the gradient is the caller's
        if self.momentum:
            if "velocity" in state:
                state["velocity"] = self.momentum * state["velocity"] + (1 - self.dampening) * g  # v ← μv + (1 − τ)g
            else:
                state["velocity"] = g.copy()  # the first step is undamped, as torch's
            # nesterov looks one velocity ahead
            g = g + self.momentum * state["velocity"] if self.nesterov else state["velocity"]
        w -= self.lr * g  # in place


class Adam(Optimizer):
    """w ← w − η m̂/(√v̂ + ε): a step of about η in every direction, whatever the size of its gradients.

    m and v are moving averages of g and g²; m̂ = m/(1 − β₁ᵗ) and v̂ = v/(1 − β₂ᵗ) make up for their start at 0.
    Weight decay adds λw to g, and so is divided by √v̂ too: see AdamW.

    Args:
        betas: β₁, β₂
        eps: ε
        amsgrad: take the largest v so far in place of v, so that the step size never grows again

    Equals:  torch.optim.Adam
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
    ) -> None:
        super().__init__(parameters, lr, weight_decay)
        self.betas = tuple(check_probability(type(self).__name__, "betas", beta) for beta in betas)
        self.eps = check_number(type(self).__name__, "eps", eps)
        self.amsgrad = amsgrad

    def update(self, w: np.ndarray, g: np.ndarray, state: dict[str, np.ndarray]) -> None:
        """Step along the mean gradient over the root of its mean square.

        Shape:   w (…), g (…) ->; w is changed in place
        """
        if self.weight_decay:
            g = g + self.weight_decay * w  # L2: the decay is divided by √v̂ like the gradient (AdamW: apart)
        self._move(w, g, state)

    def _move(self, w: np.ndarray, g: np.ndarray, state: dict[str, np.ndarray]) -> None:
        beta1, beta2 = self.betas  # 0.9 and 0.999 are the paper's
        if not state:  # everything starts at 0, hence the division by 1 − βᵗ
            state.update(t=np.zeros(()), m=np.zeros_like(w), v=np.zeros_like(w), v_max=np.zeros_like(w))
        state["t"] += 1
        t = int(state["t"])  # steps of this parameter: one without a gradient takes none
        state["m"] += (1 - beta1) * (g - state["m"])  # β₁m + (1 − β₁)g
        state["v"] *= beta2  # β₂v + (1 − β₂)g²
        state["v"] += (1 - beta2) * g * g
        v = state["v"]
        if self.amsgrad:
            # the largest v so far: the divisor never falls
            v = np.maximum(state["v_max"], v, out=state["v_max"])
        # η/(1 − β₁ᵗ)·m / (√v/√(1 − β₂ᵗ) + ε): torch's order of operations
        w -= self.lr / (1 - beta1**t) * state["m"] / (np.sqrt(v) / np.sqrt(1 - beta2**t) + self.eps)


class AdamW(Adam):
    """Adam whose weight decay is apart from the gradient: first w ← w − ηλw, then Adam's step.

    Equals:  torch.optim.AdamW
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
    ) -> None:
        super().__init__(parameters, lr, betas, eps, weight_decay, amsgrad)

    def update(self, w: np.ndarray, g: np.ndarray, state: dict[str, np.ndarray]) -> None:
        """Shrink the weights, then step as Adam does.

        Shape:   w (…), g (…) ->; w is changed in place
        """
        w *= 1 - self.lr * self.weight_decay  # apart from the gradient: not divided by √v̂
        self._move(w, g, state)
