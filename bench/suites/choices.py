"""Checks whether Fathom's rules for precision and memory format choose what is fastest, network by network."""

from __future__ import annotations

from typing import Any

from bench import field
from bench.harness import measure_in_turns
from bench.problems import Problem
from bench.results import Suite
from bench.settings import Settings
from bench.sizes import measure_networks

BASELINE = "plain"
# name, label, arguments of choose_execution
_VARIANTS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    (BASELINE, "fp32, default allocator", field.EQUAL),
    ("fp32_contiguous", "fp32, contiguous", {"precision": "fp32", "channels_last": False, "compile": "off"}),
    ("fp32_channels_last", "fp32, channels-last", {"precision": "fp32", "channels_last": True, "compile": "off"}),
    ("bf16_contiguous", "bf16, contiguous", {"precision": "bf16", "channels_last": False, "compile": "off"}),
    ("bf16_channels_last", "bf16, channels-last", {"precision": "bf16", "channels_last": True, "compile": "off"}),
)
_COMPILED = ("compiled", "Fathom's choice, compiled", {"compile": "forward"})
_QUICK = ("softmax", "lenet")
_ROUND_FLOPS = 4e11  # about two seconds on two cores
_LARGEST_FLOPS = 2.5e9  # of a forward pass, without --long


def run(settings: Settings, suite: Suite) -> None:
    """Measure every network of the registry that takes images of 28×28."""
    variants = (*_VARIANTS, _COMPILED) if settings.compile else _VARIANTS
    for name, facts in measure_networks(settings).items():
        if not _is_wanted(name, facts["flops"], settings):
            continue
        contenders = [
            field.fathom(variant, label, execution)
            for variant, label, execution in variants
            if facts["has_convolutions"] or not execution.get("channels_last")
        ]
        problem = _make_problem(name, facts["flops"], settings.quick)
        comparison = measure_in_turns(contenders, problem, settings, baseline=BASELINE)
        suite.comparisons.append(comparison)
        suite.settings.setdefault("networks", {})[name] = facts


def _is_wanted(name: str, flops: float, settings: Settings) -> bool:
    if settings.networks:
        return name in settings.networks
    if settings.quick:
        return name in _QUICK
    return settings.long or flops <= _LARGEST_FLOPS


def _make_problem(name: str, flops: float, quick: bool) -> Problem:
    """Take as many samples as make a round of about the same arithmetic everywhere, in whole batches."""
    steps = _ROUND_FLOPS / (3 * flops * 256)
    batch_size = 256 if steps >= 2 else 64
    num_steps = 2 if quick else min(234, max(2, round(_ROUND_FLOPS / (3 * flops * batch_size))))
    return Problem(name, name, name, (1, 28, 28), 10, num_steps * batch_size, batch_size, lr=0.01)
