"""The checker of ``Shape:`` lines reads its grammar, passes what is true and finds what is not."""

import runpy
from pathlib import Path

import pytest
import torch

CHECKER = runpy.run_path(str(Path(__file__).with_name("checker.py")))
Call, ShapeError, check, shape_line = (CHECKER[name] for name in ("Call", "ShapeError", "check", "shape_line"))
zeros = torch.zeros


def with_line(line):
    def member():
        pass

    member.__doc__ = f"Do something.\n\n    More.\n\n    Shape:   {line}\n    Raises:  nothing (N, M)\n    "
    return member


TRUE = [
    ("X (N, D), W (D, K), b (K,) -> (N, K)", [zeros(2, 3), zeros(3, 4), zeros(4)], zeros(2, 4), {}),
    ("X (N, D), W (D, K), b (K,) -> (N, K)", [zeros(2, 3), zeros(3, 4), None], zeros(2, 4), {}),
    ("X (N, D) -> logits (N, num_classes)", [zeros(2, 3)], zeros(2, 10), {"num_classes": 10}),
    ("X (N, C, H, W) -> (N, 4·C, H/2, W/2); H and W even", [zeros(2, 3, 6, 8)], zeros(2, 12, 3, 4), {}),
    ("X (N, C, H, W) -> (N, 1 + 2C, H//2, ⌈W/2⌉)", [zeros(2, 3, 7, 7)], zeros(2, 7, 3, 4), {}),
    ("X (N, C, H, W) -> (N, C, H', W'), (N, H')", [zeros(2, 3, 7, 7)], (zeros(2, 3, 5, 4), zeros(2, 5)), {}),
    ("prediction (N, …), target (N, …) -> ()", [zeros(2, 3, 4), zeros(2, 3, 4)], zeros(()), {}),
    ("X (…, D) -> (…,)", [zeros(2, 3, 4)], zeros(2, 3), {}),
    ("X (N, …) -> ()", [zeros(5)], 3.5, {}),
    ("x (…) -> value (…'), derivative (…')", [zeros(5)], (zeros(2, 3), zeros(2, 3)), {}),
    ("X (N, C, H) -> (N, 2·C, ⌈H/stride⌉)", [zeros(2, 3, 7)], zeros(2, 6, 4), {"stride": 2}),
    ("y int64 (N,) -> one-hot float32 (N, K)", [zeros(5, dtype=torch.int64)], zeros(5, 4), {"K": 4}),
    ("X (N, D) -> state (N, D), cell (N, D)", [zeros(2, 3)], [(zeros(2, 3), zeros(2, 3))], {}),
    ("-> (N',)", [], zeros(7), {}),
    ("gradients (D,) ->", [zeros(7)], None, {}),
    ("X (N, D),\n        W (D, K)\n        -> (N, K)", [zeros(2, 3), zeros(3, 4)], zeros(2, 4), {}),
]


@pytest.mark.parametrize(("line", "inputs", "output", "sizes"), TRUE)
def test_true_lines_pass(line, inputs, output, sizes):
    check(with_line(line), Call(inputs, output, sizes))


FALSE = [
    ("X (N, D), W (D, K) -> (N, K)", [zeros(2, 3), zeros(4, 5)], zeros(2, 5), {}, "D of W"),
    ("X (N, D) -> (D, N)", [zeros(2, 3)], zeros(2, 3), {}, "D of"),
    ("X (N, D) -> (N,)", [zeros(2, 3)], zeros(2, 1), {}, r"is \(2, 1\) in the call"),
    ("X (N, D) -> (N, K)", [zeros(2, 3)], zeros(2, 1), {}, "nothing tells K"),
    ("X (N, D) -> (N, K)", [zeros(2, 3)], zeros(2, 1), {"K": 2}, "K of"),
    ("X (N, H) -> (N, H/2)", [zeros(2, 3)], zeros(2, 1), {}, "no whole number"),
    ("X (N, …), Y (N, …) -> ()", [zeros(2, 3), zeros(2, 3, 1)], 0.0, {}, "… of Y"),
    ("x (…) -> (…'), (…')", [zeros(5)], (zeros(2, 3), zeros(2)), {}, "…' of"),
    ("X (N, H) -> (N, ⌈H/2⌉)", [zeros(2, 7)], zeros(2, 3), {}, "is 3 and not 4"),
    ("X (N,) -> (N, …)", [zeros(2)], zeros(2, 3), {}, "nothing tells the …"),
    ("X (N, H', H') -> (N,)", [zeros(2, 3, 4)], zeros(2), {}, "H' of X"),
    ("X (N, D) -> (N, H', H')", [zeros(2, 3)], zeros(2, 3, 4), {}, "H' of"),
    ("X (N, D) -> (N,), (N,)", [zeros(2, 3)], zeros(2), {}, "2 outputs"),
    ("X (N, D) -> (N,)", [zeros(2, 3), zeros(2)], zeros(2), {}, "1 inputs"),
    ("y int64 (N,) -> (N,)", [zeros(2)], zeros(2), {}, "is torch.float32"),
    ("X any -> the same", [zeros(2)], zeros(2), {}, "expected NAME"),
    ("X (N,) -> (N,) or ()", [zeros(2)], zeros(2), {}, "expected a comma"),
    ("X (N,)", [zeros(2)], zeros(2), {}, "no arrow"),
    ("X (N, D+) -> (N,)", [zeros(2, 3)], zeros(2), {}, "cannot be read"),
    ("X (N, min(D)) -> (N,)", [zeros(2, 3)], zeros(2), {}, "cannot be read"),
]


@pytest.mark.parametrize(("line", "inputs", "output", "sizes", "message"), FALSE)
def test_false_lines_are_found(line, inputs, output, sizes, message):
    with pytest.raises(ShapeError, match=message):
        check(with_line(line), Call(inputs, output, sizes))


def test_a_missing_line_is_found():
    with pytest.raises(ShapeError, match="no Shape: line"):
        shape_line(test_a_missing_line_is_found)
