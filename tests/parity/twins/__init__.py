"""The table: every public name of fathom.scratch beside its twin in PyTorch, and how to draw what both are given.

A row is one of

- ``Function``: the same arrays go into both; values, and gradients of a random weighted sum, are compared.
- ``Layer``: parameters are copied from the twin; values, gradients of input and parameters, and 20 steps of SGD.
- ``Optimiser``: 20 steps on the same gradients.
- ``Curve``: a schedule, step by step.
- ``Law``: random numbers, compared by what they are distributed like.
- ``Values``: no gradient to compare.

All is float64, to 1e-9 relative; a row with a looser tolerance says why. Names without a twin have a reason below.
"""

from __future__ import annotations

from typing import Any

from twins import attention, differentiation, functions, layers, learning, losses, operations
from twins.rows import Curve, Function, Law, Layer, Optimiser, Values
from twins.tensor import TENSOR, TENSOR_REASONS

__all__ = ["REASONS", "TABLE", "TENSOR", "TENSOR_REASONS", "Curve", "Function", "Law", "Layer", "Optimiser", "Values"]

TABLE: dict[str, Any] = {}
for topic in (operations, functions, losses, differentiation, layers, attention, learning):
    TABLE |= topic.TABLE

REASONS: dict[str, str] = {
    "Tensor": "compared operation by operation: TENSOR",
    "Dual": "the number of forward mode; compared through jvp and jacobian, and with Tensor in tests/scratch",
    "Module": "the base of all layers; compared through each of them",
    "MovingAverage": "compared through batch_norm",
    "Parameter": "compared through each layer",
    "Optimizer": "the base of SGD, Adam and AdamW",
    "no_grad": "compared in tests/parity/test_backward.py, where torch's errors and states stand beside ours",
    "is_grad_enabled": "compared in tests/parity/test_backward.py",
    "manual_seed": "the generator is NumPy's; that equal seeds give equal numbers is tested in tests/scratch",
    "dropout": "random: tests/parity/test_random.py compares the two values that occur, their share, and the gradient",
    "Dropout": "as dropout",
    "Step": "torch has no such layer; the function step has a twin",
    "Plateau": "follows a loss, not the step: tests/parity/test_trajectories.py beside ReduceLROnPlateau",
    "initialize": "fills by rule; tests/scratch counts what is filled",
    "huber_nll": "torch has no such distribution; tests/scratch integrates its density",
    "normalize_gradients": "torch has no such function; tests/training has it beside that of the trainer",
    "project": "as normalize_gradients",
    "multiplier": "a number; tests/scratch has its solution beside scipy's minimum under the bound",
    "bounded_least_squares": "as multiplier",
    "with_ones": "compared through least_squares",
    "check_gradient": "an assertion; tests/scratch shows that it passes right gradients and catches wrong ones",
    "graph": "an image; tests/scratch reads it back",
    "save": "a file; tests/scratch reads it back and refuses pickles",
    "load": "as save",
}
