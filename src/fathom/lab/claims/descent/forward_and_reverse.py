"""Forward accumulation takes a pass for every input, reverse accumulation one for all."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import torch
from torch import Tensor

from fathom.lab.experiment import Claim, Comparison, Conditions, Design, Expected, Fact, Plot, Reading

Function = Callable[[Tensor], Tensor]

_INPUTS = (2, 8, 32, 128)


def measure(arm: str, seeds: Sequence[int], conditions: Conditions) -> Iterator[dict[str, float]]:
    """Count the floating-point operations of a gradient, in units of one evaluation of the function."""
    from torch.utils.flop_counter import FlopCounterMode

    mode, inputs = arm.split("_")
    for seed in seeds:
        function, x = _make(seed, int(inputs), conditions["width"])
        counts = []
        for work in (function, partial(_gradient, mode, function)):
            with FlopCounterMode(display=False) as counter:
                work(x)
            counts.append(counter.get_total_flops())
        yield {"evaluations": counts[1] / counts[0]}


def _make(seed: int, inputs: int, width: int) -> tuple[Function, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    W1, W2, w = (
        torch.randn(*shape, generator=generator, dtype=torch.float64)
        for shape in ((width, inputs), (width, width), (1, width))
    )
    x = torch.randn(inputs, 1, generator=generator, dtype=torch.float64)
    return lambda x: (w @ torch.tanh(W2 @ torch.tanh(W1 @ x) / width**0.5)).sum(), x


def _gradient(mode: str, function: Function, x: Tensor) -> Tensor:
    if mode == "reverse":
        x = x.detach().requires_grad_()
        return torch.autograd.grad(function(x), x)[0]
    with warnings.catch_warnings():  # torch's own forward mode loads rules by torch.jit.script, which it calls outdated
        warnings.simplefilter("ignore", FutureWarning)
        # a pass for every input
        slopes = [torch.func.jvp(function, (x,), (unit[:, None],))[1] for unit in torch.eye(len(x), dtype=x.dtype)]
    return torch.stack(slopes)[:, None]


def check(conditions: Conditions) -> Sequence[Fact]:
    """Compare both gradients, torch's and those of the engine written on NumPy."""
    function, x = _make(0, 8, conditions["width"])
    gap = float((_gradient("forward", function, x) - _gradient("reverse", function, x)).abs().max())
    return [Fact("both give the same gradient", gap < 1e-12, f"largest difference {gap:.0e}")]


def _grows(mode: str, *, expected: Expected, margin: float) -> Comparison:
    title = f"{mode}: evaluations with 128 inputs / with 32"
    return Comparison(title, f"{mode}_128", f"{mode}_32", expected, margin=margin, measure="evaluations", is_ratio=True)


CLAIM = Claim(
    number=16,
    title="Forward and reverse accumulation",
    statement="Forward accumulation walks the graph once for every input, reverse accumulation once for all of them.",
    place="N1 §1.1.5",
    paper="Griewank & Walther 2008, ch. 3–4",
    design=Design(
        factor="2, 8, 32, 128 inputs by either mode",
        fixed="a network of two hidden layers with one output, float64",
        budget="operations of matrix products are counted, not timed",
        arms={f"{mode}_{n}": f"{mode}, {n} inputs" for mode in ("forward", "reverse") for n in _INPUTS},
        seeds=5,
    ),
    comparisons=[
        _grows("forward", expected="more", margin=2.0),
        _grows("reverse", expected="same", margin=1.5),
        # what a gradient may cost by reverse accumulation, in evaluations (Griewank & Walther, §4.5: below 5)
        Comparison(
            "reverse, 128 inputs: evaluations / 5",
            "reverse_128",
            5.0,
            "less",
            1.1,
            measure="evaluations",
            is_ratio=True,
        ),
    ],
    measure=measure,
    facts=check,
    plot=Plot("evaluations", "cost of the gradient, in evaluations", log_y=True),
    settings={"width": 64},
    reading=Reading(
        sentences=(
            "A forward pass carries the derivative in one direction along; a reverse pass takes all of them back "
            "from the result.",
            "With four times the inputs the forward mode costs {c1}, the reverse mode {c2}; with 128 inputs they cost "
            "{forward_128} and {reverse_128} evaluations.",
            "Reverse for one loss of many weights; forward for few inputs and many outputs, where it also keeps "
            "nothing.",
        ),
        would_change="As many outputs as inputs, where neither has the advantage.",
        chinese=("前向累积每个输入走一遍图，反向累积一遍得到全部", "成立：输入增至 4 倍时，前向 {c1}，反向 {c2}"),
    ),
)
