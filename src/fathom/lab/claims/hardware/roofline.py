"""The time of a step by the roofline, with the peaks that this machine reaches, against the time that it takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch

from fathom.inference.latency import measure_latency
from fathom.lab.experiment import Claim, Comparison, Conditions, Design, Expected, Plot, Reading
from fathom.models.hardware import Hardware
from fathom.models.inspection.cost import training_cost

_NETS = {"mlp": ("an MLP of 784-1024-1024-10", 128), "lenet": ("LeNet", 128), "vgg": ("a small VGG", 16)}
_SIDE, _LONG = 512, 16_000_000  # a product that fills the processor, a vector far larger than its cache


def measure(arm: str, seeds: Sequence[int], conditions: Conditions) -> Iterator[dict[str, float]]:
    """Time a training step, and beside it a large product and a long copy; yield the step over its forecast."""
    for seed in seeds:
        torch.manual_seed(seed)
        yield _compare_once(_network(arm), _NETS[arm][1], conditions["seconds"])


def _compare_once(net: torch.nn.Module, batch: int, seconds: float) -> dict[str, float]:
    X, y = torch.randn(batch, 1, 28, 28), torch.randint(10, (batch,))
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-3)
    square, long, out = torch.randn(_SIDE, _SIDE), torch.randn(_LONG), torch.empty(_LONG)

    def step(_: None) -> None:
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(net(X), y).backward()
        optimizer.step()

    ways: dict[str, Callable[[None], object]] = {
        "step": step,
        "product": lambda _: square @ square,
        "copy": lambda _: out.copy_(long),
    }
    found = measure_latency(ways, None, seconds=seconds)
    flops = 2 * _SIDE**3 / (found["product"] / 1e3)
    bandwidth = 8 * _LONG / (found["copy"] / 1e3)  # 4 bytes read, 4 written
    peaks = Hardware("this machine", flops, flops, bandwidth, "measured")
    forecast = training_cost(net, (1, 28, 28), batch, optimizer="sgd").seconds(peaks)
    return {
        "over": found["step"] / 1e3 / forecast,
        "ms": found["step"],
        "gflops": flops / 1e9,
        "gbytes": bandwidth / 1e9,
    }


def _network(arm: str) -> torch.nn.Module:
    from fathom.models import registry

    if arm == "mlp":
        return registry.create("mlp", input_shape=(1, 28, 28), num_classes=10, hidden=[1024, 1024])
    if arm == "lenet":
        return registry.create("lenet", input_shape=(1, 28, 28), num_classes=10)
    layers: list[torch.nn.Module] = []
    for fan_in, fan_out in ((1, 32), (32, 64), (64, 64)):
        layers += [torch.nn.Conv2d(fan_in, fan_out, 3, padding=1), torch.nn.ReLU(), torch.nn.MaxPool2d(2)]
    return torch.nn.Sequential(*layers, torch.nn.Flatten(), torch.nn.Linear(64 * 9, 10))


def _compare(arm: str, expected: Expected, bound: float) -> Comparison:
    what = "at least its forecast" if expected == "not less" else f"at most {bound:g} times"
    return Comparison(f"{_NETS[arm][0]}: {what}", arm, bound, expected, 1.1, "over", is_ratio=True)


_BOUNDS: tuple[tuple[Expected, float], ...] = (("not less", 1.0), ("not more", 4.0))

CLAIM = Claim(
    number=62,
    title="The roofline of this machine",
    statement=(
        "The roofline with measured peaks bounds the time of a step from below, and comes within a factor of four."
    ),
    place="N1 §3.1",
    paper="Williams et al. 2009, doi:10.1145/1498765.1498785",
    design=Design(
        factor="the network: dense, convolutional, small convolutional with pooling",
        fixed="float32, SGD, batches of 128 (16 for the VGG); peaks of a 512×512 product and a 64 MB copy",
        budget="step, product and copy are timed in turns, so that other load meets all three; medians",
        arms={name: title for name, (title, _) in _NETS.items()},
        seeds=8,
    ),
    comparisons=[_compare(arm, *bound) for arm in _NETS for bound in _BOUNDS],
    measure=measure,
    plot=Plot("over", "measured / forecast"),
    settings={"seconds": 0.4},
    quick={"seconds": 0.15},
    reading=Reading(
        sentences=(
            "A layer takes at least the longer of its arithmetic at full speed and its traffic at full bandwidth.",
            "A step took {mlp:over} times its forecast for the dense network, {lenet:over} for LeNet, {vgg:over} for "
            "the "
            "small VGG, on {mlp:gflops} GFLOP/s and {mlp:gbytes} GB/s.",
            "Read `fathom models NAME --cost` as a bound, and take `fathom forecast` for what a run will take.",
        ),
        would_change="Small batches and layers, whose calls cost more than their work; several threads.",
        depends_on="the network",
        chinese=(
            "以实测峰值计算的 roofline 是一步时间的下界，且相差不超过四倍",
            "实测 / 预测：MLP {mlp:over}，LeNet {lenet:over}，小 VGG {vgg:over}",
        ),
    ),
)
