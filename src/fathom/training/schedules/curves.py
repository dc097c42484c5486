"""The thirteen learning-rate curves written out: pure functions of the step, nothing else.

Each returns the multiplier on the base learning rate. ``step`` counts from 0; ``total`` is the length of the curve in
steps. They know nothing of names, options as text, or warm-up before them: see ``schedules.py`` for that.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence


def warm_up(step: float, num_steps: int, start: float) -> float:
    """Linear rise from ``start`` to 1: ``start + (1 − start)·min(step/num_steps, 1)``.

    Equals:  torch.optim.lr_scheduler.LinearLR(start_factor=start, total_iters=num_steps)
    Source:  Goyal et al. 2017, "Accurate, Large Minibatch SGD", §2.2
    """
    return start + (1.0 - start) * min(step / num_steps, 1.0) if num_steps else 1.0


def constant(step: float) -> float:
    """1 at every step."""
    return 1.0


def piecewise(step: float, milestones: Sequence[int], values: Sequence[float]) -> float:
    """``values[i]`` between milestone ``i − 1`` and milestone ``i``; a milestone belongs to the piece it opens.

    Source:  Zhang et al., Dive into Deep Learning, §12.11.4.2
    """
    return values[bisect_right(milestones, step)]  # right: at the milestone itself the next value holds


def exponential(step: float, gamma: float, every: float = 1) -> float:
    """``gamma^(step/every)``: multiplied by ``gamma`` every ``every`` steps, without jumps.

    Equals:  torch.optim.lr_scheduler.ExponentialLR(gamma) where every = 1
    """
    return gamma ** (step / every)


def natural_exponential(step: float, rate: float, every: float = 1) -> float:
    """``e^(−rate·step/every)``: the exponential decay with base e.

    Source:  Dive into Deep Learning, eq. (12.11.1), η(t) = η₀·e^(−λt)
    """
    return math.exp(-rate * step / every)


def polynomial(step: float, total: int, power: float = 1.0, final: float = 0.0) -> float:
    """``final + (1 − final)·(1 − step/total)^power``, and ``final`` from step ``total`` on.

    Equals:  torch.optim.lr_scheduler.PolynomialLR(total_iters=total, power=power) where final = 0
    """
    return final + (1.0 - final) * (1.0 - min(step / total, 1.0)) ** power


def step_decay(step: float, every: int, gamma: float = 0.1) -> float:
    """``gamma^⌊step/every⌋``: multiplied by ``gamma`` every ``every`` steps, in jumps.

    Equals:  torch.optim.lr_scheduler.StepLR(step_size=every, gamma=gamma)
    """
    return gamma ** (step // every)  # // on step counts from 0: the first drop comes at step "every"


def multi_step(step: float, milestones: Sequence[int], gamma: float = 0.1) -> float:
    """``gamma^(number of milestones ≤ step)``.

    Equals:  torch.optim.lr_scheduler.MultiStepLR(milestones, gamma)
    Source:  He et al. 2016, "Deep Residual Learning", §4.2 (at 1/2 and 3/4 of the run)
    """
    return gamma ** bisect_right(milestones, step)


def inverse_time(step: float, rate: float, every: float = 1) -> float:
    """``1/(1 + rate·step/every)``.

    Source:  Robbins & Monro 1951; Bottou 2012, "Stochastic Gradient Descent Tricks", §5.2
    """
    return 1.0 / (1.0 + rate * step / every)


def cosine(step: float, total: int, final: float = 0.0) -> float:
    """``final + (1 − final)·(1 + cos(π·step/total))/2``, and ``final`` from step ``total`` on.

    Equals:  torch.optim.lr_scheduler.CosineAnnealingLR(T_max=total, eta_min=final·lr) up to step ``total``,
             where torch's begins to rise again
    Source:  Loshchilov & Hutter 2017, "SGDR", eq. (5)
    """
    return final + (1.0 - final) * (1.0 + math.cos(math.pi * min(step / total, 1.0))) / 2.0


def noam(step: float, warmup: int, model_size: int | None = None) -> float:
    """``model_size^(−1/2)·min(n^(−1/2), n·warmup^(−3/2))`` with n = step + 1.

    A linear rise over ``warmup`` steps, then the inverse square root. Without ``model_size`` the curve is scaled to
    peak at 1, ``min(n/warmup, √(warmup/n))``, so that the base learning rate is the highest one used.

    Source:  Vaswani et al. 2017, "Attention Is All You Need", eq. (3)
    """
    n = step + 1.0  # the paper counts from 1; 0^(−1/2) has no value
    scaled = min(n / warmup, math.sqrt(warmup / n))  # the paper's two terms, each times √warmup
    # 1/√(model_size · warmup): the paper's peak
    return scaled if model_size is None else scaled / math.sqrt(model_size * warmup)


def one_cycle(
    step: float, total: int, rise: float, start: float = 0.04, final: float = 4e-6, shape: str = "cosine"
) -> float:
    """From ``start`` up to 1 over the first ``rise`` steps, then down to ``final`` at step ``total − 1``.

    ``shape`` is "cosine" or "linear". ``rise`` may be fractional: torch places the peak at step ``rise − 1`` without
    rounding it.

    Equals:  torch.optim.lr_scheduler.OneCycleLR(pct_start=rise/total, div_factor=1/start,
             final_div_factor=start/final), its learning rate; momentum is left alone
    Source:  Smith & Topin 2018, "Super-Convergence", §3
    """
    peak = rise - 1.0  # step of the peak: the first of "rise" steps is at "start"
    if step <= peak:
        low, high, part = start, 1.0, step / peak if peak > 0.0 else 1.0
    else:
        span = total - 1.0 - peak  # down to the last step taken, total − 1
        low, high, part = 1.0, final, min((step - peak) / span, 1.0) if span > 0.0 else 1.0
    if shape == "cosine":
        # half a cosine from low at part 0 to high at part 1
        return high + (low - high) * (1.0 + math.cos(math.pi * part)) / 2.0
    return low + (high - low) * part
