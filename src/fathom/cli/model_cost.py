"""The forecast of ``fathom models NAME --cost``: what a step of training takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fathom.cli.columns import print_table
from fathom.models.hardware import LATENCIES, LINKS, all_reduce_s
from fathom.phrases import format_bytes

if TYPE_CHECKING:
    from fathom.models.hardware import Hardware
    from fathom.models.inspection.cost import TrainingCost

_MOST_LAYERS = 15  # that take longest
_DEVICES = 8  # as in one server


def print_cost(cost: TrainingCost, batch_size: int, processor: Hardware, *, half: bool) -> None:
    """Print where the time of a step goes, its memory, and what it takes to add up gradients over links."""
    from fathom.runs.analysis.numbers import count, short

    peak = f"{short(processor.flops)}FLOP/s, {format_bytes(processor.bandwidth)}/s"
    print(
        f"a step on a batch of {batch_size:,} in {'half precision' if half else 'float32'}, on {processor.name}: {peak}"
    )
    print(f"({processor.source})\n")
    # by the time that is the larger of arithmetic and memory
    slowest = sorted(cost.layers, key=lambda layer: -layer.seconds(processor))[:_MOST_LAYERS]
    rows = [
        (
            layer.name,
            layer.type,
            count(layer.flops),
            format_bytes(layer.num_bytes),
            f"{layer.intensity:.1f}",
            # below the roofline's ridge a layer waits for memory
            "arithmetic" if layer.is_compute_bound(processor) else "memory",
            _show_time(layer.seconds(processor)),
        )
        for layer in slowest
    ]
    print_table(("layer", "type", "FLOPs", "moved", "FLOPs/byte", "waits for", "forward"), rows, right=(2, 3, 4, 6))
    if len(cost.layers) > len(slowest):
        print(f"and {len(cost.layers) - len(slowest):,} layers that take less")
    seconds = cost.seconds(processor)
    held = f"weights {format_bytes(cost.weights)}, gradients {format_bytes(cost.gradients)}, optimiser "
    held += f"{format_bytes(cost.state)}, activations {format_bytes(cost.activations)}"
    print(f"\nFLOPs    {short(cost.flops)}, forward and backward; {format_bytes(cost.num_bytes)} moved")
    print(f"memory   {format_bytes(cost.memory)}: {held}")
    # at least: peak speeds are never reached
    print(f"time     at least {_show_time(seconds)} a step, at most {batch_size / seconds:,.0f} samples/s")
    if processor.is_cpu:
        waits = ", ".join(f"{name} {_show_time(s)}, {s * processor.flops:,.0f} FLOPs" for name, s in LATENCIES.items())
        print(f"latency  until one number comes, and what could be computed meanwhile: {waits}")
    print(f"\nadding up the gradients of {_DEVICES} devices, {format_bytes(cost.gradients)} each, in a ring:")
    for name, bandwidth in LINKS.items():
        print(f"  {name:<16} {_show_time(all_reduce_s(cost.gradients, _DEVICES, bandwidth)):>8}")


def _show_time(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"  # below 1 µs
