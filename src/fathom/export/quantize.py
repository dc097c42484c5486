"""Int8 arithmetic for an exported model, by onnxruntime's tools."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from fathom.errors import FathomError, UsageError
from fathom.inference.onnx_file import first_line
from fathom.inference.onnx_inputs import IMAGES

METHODS = ("dynamic", "static")

# onnxruntime has no quick kernel for a convolution whose scale is found as it runs: dense layers alone profit
_DYNAMIC_OPS = ("MatMul", "Gemm")
_STATIC_OPS = (*_DYNAMIC_OPS, "Conv", "Add", "Concat", "Relu", "MaxPool", "AveragePool", "GlobalAveragePool")


def quantize(model: bytes, method: str, calibration: Iterator[np.ndarray]) -> bytes:
    """Let a model compute in 8 bits.

    Args:
        model: an ONNX model.
        method: dynamic (weights of dense layers in advance, activations as they come) or static (convolutions too, the
            range of activations from ``calibration``).
        calibration: batches of images, uint8 (N, C, H, W); read for static alone.
    Raises:  UsageError if there is no layer that the method could change; FathomError if onnxruntime fails
    """
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(quantization.CalibrationDataReader):
        def get_next(self) -> dict[str, np.ndarray] | None:
            images = next(calibration, None)
            return None if images is None else {IMAGES: images}

    # a scale for each output channel: one for all loses the small ones
    options: dict[str, Any] = {"per_channel": True, "weight_type": quantization.QuantType.QInt8}
    with tempfile.TemporaryDirectory(prefix="fathom-") as folder, _no_root_handler():
        source, prepared, out = (Path(folder) / f"{name}.onnx" for name in ("source", "prepared", "out"))
        source.write_bytes(model)
        try:
            # The network is folded already, and the symbolic part gives up on some.
            quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
            if method == "dynamic":
                quantization.quantize_dynamic(
                    str(prepared), str(out), op_types_to_quantize=list(_DYNAMIC_OPS), **options
                )
            else:
                quantization.quantize_static(
                    str(prepared),
                    str(out),
                    Reader(),
                    op_types_to_quantize=list(_STATIC_OPS),
                    # pairs around float operators, which onnxruntime fuses; other runtimes read them
                    quant_format=quantization.QuantFormat.QDQ,
                    # Unsigned times signed is what x86's VNNI multiplies.
                    activation_type=quantization.QuantType.QUInt8,
                    **options,
                )
        except Exception as error:
            raise FathomError(f"onnxruntime cannot quantise this network ({first_line(error)})") from error
        result = out.read_bytes()
    if not _has_int8(result):
        raise UsageError(f"--int8 {method}: the network has no layer that it would change; try --int8 static")
    return result


def _has_int8(model: bytes) -> bool:
    import onnx

    graph = onnx.load_model_from_string(model).graph
    # dynamic's, static's
    return any(node.op_type in ("DynamicQuantizeLinear", "QuantizeLinear") for node in graph.node)


@contextmanager
def _no_root_handler() -> Iterator[None]:
    """Keep onnxruntime's tools from logging to the root logger, which would set up logging for the whole process."""
    handler = logging.NullHandler()
    logging.root.addHandler(handler)
    try:
        yield
    finally:
        logging.root.removeHandler(handler)
