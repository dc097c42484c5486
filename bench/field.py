"""Who takes part: the contenders by name."""

from __future__ import annotations

from typing import Any

from bench.harness import Contender

# What the hand-written loop does: fp32, contiguous, nothing compiled, the allocator as it is.
EQUAL = {"precision": "fp32", "channels_last": False, "compile": "off", "allocator": False}

BASELINE = "handwritten"


def handwritten(name: str = BASELINE, label: str = "hand-written loop", **options: Any) -> Contender:
    """A loop written by hand."""
    return Contender(name, label, "bench.contenders.handwritten", "handwritten", options)


def fathom(name: str, label: str, execution: dict[str, Any], **options: Any) -> Contender:
    """Fathom's trainer with these arguments for ``choose_execution``."""
    return Contender(name, label, "bench.contenders.fathom_trainer", "fathom", {"execution": execution, **options})


FATHOM_EQUAL = fathom("fathom_equal", "Fathom, equal settings", EQUAL)
FATHOM_AUTO = fathom("fathom_auto", "Fathom", {})
FATHOM_COMPILED = fathom("fathom_compiled", "Fathom, compile=forward", {"compile": "forward"})

TUNED = handwritten("handwritten_tuned", "hand-written, kept heap, channels-last", tuned=True)
TORCHVISION = handwritten("torchvision", "hand-written over torchvision", feed="torchvision")
TORCHVISION_WORKERS = handwritten(
    "torchvision_2_workers", "hand-written over torchvision, 2 workers", feed="torchvision", workers=2
)
DATALOADER = handwritten("dataloader", "hand-written over a DataLoader", feed="dataset")


def _peer(name: str, label: str, requires: str | None = None, **options: Any) -> Contender:
    module = name.partition("_")[0]
    return Contender(name, label, f"bench.peers.{module}", "peer", options, requires or module)


FED_TENSORS = (
    _peer("lightning", "Lightning"),
    _peer("keras", "Keras (torch)"),
    _peer("skorch", "skorch"),
    _peer("fastai", "fastai"),
    _peer("ignite", "Ignite", "pytorch-ignite"),
)
D2L = _peer("d2l", "d2l")
FED_TORCHVISION = (
    _peer("lightning_torchvision", "Lightning over torchvision", "lightning", feed="torchvision"),
    Contender("d2l", "d2l (torchvision, 4 workers)", "bench.peers.d2l", "peer", {}, "d2l"),
)
