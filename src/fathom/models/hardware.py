"""Speeds of processors and of the links between them, from their makers' data sheets. Loads without PyTorch.

Data sheets give peaks. What a program reaches of them is a question for ``bench``.

Source:  notes N1 §3.1, §3.3; the sheets named in each line
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Hardware:
    """A processor: FLOP/s in float32 and in half precision, bytes/s of its memory."""

    name: str
    flops: float
    half_flops: float
    bandwidth: float
    source: str
    is_cpu: bool = False


# dense, without sparsity
HARDWARE = {
    "cpu8": Hardware(
        "8 cores", 896e9, 896e9, 51.2e9, "3.5 GHz × 8 × 32 FLOPs (AVX2, two FMAs); DDR4-3200, 2 channels", True
    ),
    "t4": Hardware("NVIDIA T4", 8.1e12, 65e12, 320e9, "NVIDIA T4 data sheet"),
    "a100": Hardware("NVIDIA A100 40 GB", 19.5e12, 312e12, 1.555e12, "NVIDIA A100 data sheet"),
    "h100": Hardware("NVIDIA H100 SXM", 67e12, 989e12, 3.35e12, "NVIDIA H100 data sheet"),
    "h200": Hardware("NVIDIA H200 SXM", 67e12, 989e12, 4.8e12, "NVIDIA H200 data sheet"),
}

LATENCIES = {"L1 cache": 0.5e-9, "L2 cache": 7e-9, "memory": 100e-9}
"""Seconds until one number arrives that nobody asked for before; notes N1 §3.1, of a usual CPU."""

LINKS = {
    "NVLink 3": 300e9,  # each way, of the 600 GB/s of the A100's sheet
    "PCIe 4.0 ×16": 31.5e9,  # 16 GT/s · 16 lanes · 128/130, each way
    "PCIe 3.0 ×16": 15.75e9,  # 8 GT/s
    "100 Gb Ethernet": 12.5e9,
    "10 Gb Ethernet": 1.25e9,
}
"""Bytes/s of links between devices and machines."""


def all_reduce_s(num_bytes: float, num_devices: int, bandwidth: float) -> float:
    """Return the least time in which a ring of devices adds up gradients: each sends 2(D − 1)/D of their bytes.

    Source:  ``fathom.scratch.devices.collective.ring_all_reduce``; Patarasuk & Yuan 2009
    """
    return 2 * (num_devices - 1) / num_devices * num_bytes / bandwidth
