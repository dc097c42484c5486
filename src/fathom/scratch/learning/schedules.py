"""Learning-rate schedules: what the learning rate is multiplied by at each step. All thirteen of the notes.

    optimizer.lr = 0.1 * cosine(step, total=1000)

All but two are functions of the step, counted from 0. ``lambda_schedule`` is whatever function you give; ``Plateau``
follows a measured loss. A number of steps below 1 raises ValueError.

Source:  notes N4, N3; the papers named beside each
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from fathom.scratch.engine.checks import check_number, check_probability


def constant(step: int) -> float:
    """Return 1."""
    return 1.0


def warm_up(step: int, num_steps: int, start: float = 0.0) -> float:
    """Return a straight line from ``start`` to 1 over ``num_steps`` steps; multiply another schedule by it.

    Equals:  torch.optim.lr_scheduler.LinearLR(start_factor=start, total_iters=num_steps)
    Source:  Goyal et al. 2017, §2.2
    """
    check_number("warm_up", "num_steps", num_steps, low=1)
    return start + (1 - start) * min(step / num_steps, 1)  # 1 from num_steps on


def piecewise(step: int, milestones: Sequence[int], values: Sequence[float]) -> float:
    """Return ``values[i]`` from milestone i − 1, included, to milestone i, excluded.

    Raises:  ValueError unless there is one value more than milestones
    """
    if len(values) != len(milestones) + 1:
        raise ValueError(
            f"piecewise: {len(milestones)} milestones need {len(milestones) + 1} values, not {len(values)}"
        )
    # values[0] before the first milestone
    return values[sum(step >= milestone for milestone in milestones)]  # how many milestones lie behind


def exponential(step: int, gamma: float) -> float:
    """Return γᵗ.

    Equals:  torch.optim.lr_scheduler.ExponentialLR
    """
    return gamma**step  # t counts from 0: the first step has the full rate


def natural_exponential(step: int, rate: float) -> float:
    """Return e^(−kt)."""
    return math.exp(-rate * step)


def polynomial(step: int, total: int, power: float = 1.0, final: float = 0.0) -> float:
    """Return f + (1 − f)(1 − t/T)^p, and f from T on.

    Equals:  torch.optim.lr_scheduler.PolynomialLR for f = 0
    """
    check_number("polynomial", "total", total, low=1)
    return final + (1 - final) * (1 - min(step / total, 1)) ** power  # p = 1: a straight line


def step_decay(step: int, every: int, gamma: float = 0.1) -> float:
    """Return γ^⌊t/every⌋.

    Equals:  torch.optim.lr_scheduler.StepLR
    """
    check_number("step_decay", "every", every, low=1)
    return gamma ** (step // every)  # a staircase: γ once every so many steps


def multi_step(step: int, milestones: Sequence[int], gamma: float = 0.1) -> float:
    """Return γ to the number of milestones that were reached.

    Equals:  torch.optim.lr_scheduler.MultiStepLR
    """
    return gamma ** sum(step >= milestone for milestone in milestones)


def inverse_time(step: int, rate: float) -> float:
    """Return 1/(1 + kt).

    Source:  Robbins & Monro 1951
    """
    return 1 / (1 + rate * step)


def lambda_schedule(step: int, function: Callable[[int], float]) -> float:
    """Return what a function of yours gives.

    Equals:  torch.optim.lr_scheduler.LambdaLR
    """
    return function(step)


def cosine(step: int, total: int, final: float = 0.0) -> float:
    """Return f + (1 − f)(1 + cos(πt/T))/2, and f from T on, where torch's begins to rise again.

    Equals:  torch.optim.lr_scheduler.CosineAnnealingLR up to T
    Source:  Loshchilov & Hutter 2017, eq. (5)
    """
    check_number("cosine", "total", total, low=1)
    # half a cosine wave from 1 down to f
    return final + (1 - final) * (1 + math.cos(math.pi * min(step / total, 1))) / 2


def noam(step: int, warmup: int, model_size: int) -> float:
    """Return d^(−1/2) min(n^(−1/2), n w^(−3/2)) with n = t + 1: up in a straight line, then down as 1/√n.

    Source:  Vaswani et al. 2017, eq. (3)
    """
    check_number("noam", "warmup", warmup, low=1)
    check_number("noam", "model_size", model_size, low=1)
    n = step + 1  # the paper counts from 1
    return model_size**-0.5 * min(n**-0.5, n * warmup**-1.5)  # both terms meet at n = w: the peak


def one_cycle(step: int, total: int, rise: float = 0.3, start: float = 0.04, final: float = 4e-6) -> float:
    """Rise from ``start`` to 1 over the part ``rise`` of the run, then fall to ``final`` at its end: half cosines.

    Equals:  torch.optim.lr_scheduler.OneCycleLR(pct_start=rise, div_factor=1/start, final_div_factor=start/final),
             its learning rate
    Source:  Smith & Topin 2018
    """
    check_number("one_cycle", "total", total, low=2)  # one step up, one down
    check_probability("one_cycle", "rise", rise)
    peak = rise * total - 1  # the step of the largest rate, as torch counts
    if step <= peak:
        low, high, part = start, 1.0, step / peak if peak else 1.0  # upwards
    else:
        low, high, part = 1.0, final, min((step - peak) / (total - 1 - peak), 1.0)  # downwards
    return high + (low - high) * (1 + math.cos(math.pi * part)) / 2  # part 0: low; part 1: high


class Plateau:
    """Multiply by γ whenever the loss has not become better for more than ``patience`` values.

    Better means below the best so far by more than the relative ``threshold``.

        optimizer.lr = 0.1 * plateau.observe(loss)

    Equals:  torch.optim.lr_scheduler.ReduceLROnPlateau(factor=gamma, eps=0)
    """

    def __init__(self, gamma: float = 0.1, patience: int = 10, threshold: float = 1e-4) -> None:
        self.gamma = check_number("Plateau", "gamma", gamma, above=True)
        self.patience, self.threshold = patience, threshold
        self.best, self.num_bad, self.factor = math.inf, 0, 1.0  # infinite: the first loss is always better

    def observe(self, loss: float) -> float:
        """Take note of a loss.

        Returns: the factor from now on
        """
        if loss < self.best * (1 - self.threshold):  # relative, as torch's: better by a ten-thousandth
            self.best, self.num_bad = loss, 0
        else:
            self.num_bad += 1
        if self.num_bad > self.patience:
            self.factor *= self.gamma
            self.num_bad = 0  # patience begins anew at the new rate
        return self.factor
