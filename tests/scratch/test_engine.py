"""The engine apart from its numbers: depth, memory, pruning, views, forward mode's cost, what is imported."""

import ast
import gc
import subprocess
import sys
import tracemalloc
import weakref
from pathlib import Path

import numpy as np
import pytest

import fathom.scratch as s
from fathom.scratch import Tensor
from fathom.scratch.engine.autograd import Node, both_ways, walk_back
from fathom.scratch.engine.tensor import record

FOLDER = Path(s.__file__).parent


def test_a_graph_thousands_deep_needs_no_recursion():
    x = Tensor([1.0, 2.0], requires_grad=True)
    y = x
    for _ in range(20_000):
        y = y + x
    y.sum().backward()
    assert x.grad.tolist() == [20_001.0, 20_001.0]
    del y  # nor does taking it apart


def test_a_graph_that_is_wide_and_shared_is_walked_once():
    """y = y + y forty times: 2⁴⁰ ways, 40 nodes."""
    x = Tensor([1.0], requires_grad=True)
    y = x
    for _ in range(40):
        y = y + y
    assert sum(1 for _ in walk_back(y._node, np.ones(1), retain_graph=True)) == 41
    y.sum().backward()
    assert x.grad.item() == 2.0**40


def test_branches_that_need_no_gradient_are_pruned():
    called = []

    def watched(X, name):
        return record(name, X.data * 1, both_ways(X, lambda G: called.append(name) or G))

    x, c = Tensor([2.0], requires_grad=True), Tensor([3.0])
    y = watched(x, "needed") * watched(c, "not needed") + c.exp()
    names = [node.name for node, _ in walk_back(y._node, np.ones(1)) if isinstance(node, Node)]
    assert called == ["needed"]
    assert names == ["add", "mul", "needed"]


def test_values_are_freed_after_backward():
    x = Tensor(np.ones(250_000), requires_grad=True)
    tracemalloc.start()
    y = x
    for _ in range(10):
        y = y.exp().log()
    loss = y.sum()
    before, _ = tracemalloc.get_traced_memory()
    loss.backward()
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert before > 20 * x.data.nbytes
    assert after < 4 * x.data.nbytes  # the last value, the gradient


def test_nothing_is_kept_alive_in_a_circle():
    """A graph goes when its result goes, without waiting for the garbage collector."""
    x = Tensor([1.0], requires_grad=True)
    y = (x.exp() * x).tanh().sum()
    node = weakref.ref(y._node)
    gc.disable()
    try:
        del y
        assert node() is None
    finally:
        gc.enable()


def test_under_no_grad_nothing_is_recorded_and_it_decorates_too():
    x = Tensor([1.0], requires_grad=True)

    @s.no_grad()
    def double():
        return x * 2

    assert double().is_leaf
    assert (x * 2)._node is not None
    with pytest.raises(KeyError), s.no_grad():
        raise KeyError
    assert s.is_grad_enabled()


def test_memory_of_views_clones_and_in_place():
    x = s.arange(12.0).reshape(3, 4)
    rows, clone = x[1:], x.clone()
    before = x.data
    x += 10
    assert x.data is before
    assert rows.tolist()[0] == [14.0, 15.0, 16.0, 17.0]
    assert clone.tolist()[0] == [0.0, 1.0, 2.0, 3.0]
    x[:] = x + 1
    assert x.data is before
    x = x + 1
    assert x.data is not before
    y = x.detach()
    y[0, 0] = 7.0
    assert x[0, 0].item() == 7.0
    assert x[[0]].data.base is not x.data


def test_a_write_beside_a_living_view_is_refused_while_recording():
    w = Tensor([1.0], requires_grad=True)
    x = s.zeros(3)
    view = x[1:]
    with pytest.raises(RuntimeError, match=r"shares its memory with a view.*clone"):
        x[0] = w[0]
    del view
    x[0] = w[0]
    assert x.requires_grad


def test_seeds_give_the_same_numbers():
    s.manual_seed(3)
    first = s.randn(4), s.rand(2), s.Linear(3, 2).weight
    s.manual_seed(3)
    again = s.randn(4), s.rand(2), s.Linear(3, 2).weight
    for one, other in zip(first, again, strict=True):
        assert np.array_equal(one.data, other.data)
    own = [s.randn(4, generator=np.random.default_rng(1)).tolist() for _ in range(2)]
    assert own[0] == own[1]


def test_types_stay_float32_through_every_layer():
    X = s.rand(2, 1, 8, 8)
    net = s.Sequential(
        s.Conv2d(1, 2, 3, padding=1), s.BatchNorm(2), s.PReLU(), s.MaxPool2d(2), s.Dropout(), s.AvgPool2d(2),
        s.Flatten(), s.Linear(8, 3), s.Softmax(),
    )  # fmt: skip
    loss = s.cross_entropy(net(X), Tensor([0, 2]), label_smoothing=0.1) + s.huber(net(X), s.zeros(2, 3))
    loss.backward()
    assert loss.dtype == np.float32
    optimizer = s.AdamW(net.parameters())
    optimizer.step()
    for name, parameter in net.named_parameters():
        assert parameter.dtype == parameter.grad.dtype == np.float32, name
    cells = s.Recurrent(s.LSTMCell(3, 4))(s.rand(5, 2, 3))[0]
    assert cells.dtype == np.float32


# Forward mode -------------------------------------------------------------------------------------------------------


def test_forward_mode_needs_a_pass_for_each_input_and_reverse_mode_one():
    calls = []

    def function(x):
        calls.append(type(x).__name__)
        return (x * x).sum() * x.exp().sum()

    x = np.linspace(0, 1, 7)
    forward = s.forward_gradient(function, x)
    assert calls == ["Dual"] * 7
    leaf = Tensor(x.copy(), requires_grad=True)
    calls.clear()
    function(leaf).backward()
    assert calls == ["Tensor"]
    np.testing.assert_allclose(forward.data, leaf.grad.data, rtol=1e-12)


FUNCTIONS = {
    "arithmetic": lambda x: (2.1 - x) / (1.3 + x * x) + x**3 - x**0.5 + 1.7**x + (-x) / 0.3 + x**x,
    "functions": lambda x: x.exp() + x.log() + x.sqrt() + x.square() + x.sin() + x.cos() + x.tanh() + x.sigmoid(),
    "kinks": lambda x: (x - 0.5).relu() + (x - 1).abs() + x.clip(0.3, 0.8) + x.maximum(0.4) + x.minimum(0.9),
    "sums": lambda x: x.sum(0) + x.mean((0, 1)) + x.max(1, keepdims=True) + x.cumsum(0).sum(),
    "shapes": lambda x: x.T.reshape(-1)[1:] @ x.permute(1, 0).reshape(6)[:-1] + x.transpose(0, 1)[0].sum(),
    "products": lambda x: np.ones((2, 3)) @ x @ x.T + (x[0] @ x[1]),
    "losses": lambda x: s.Tensor(np.ones(1)).data * x.mean() + (x > 0.5).data * x,
}


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_forward_mode_equals_reverse_mode(function):
    x = np.random.default_rng(0).uniform(0.2, 2, (3, 2))
    reverse, forward = s.jacobian(function, x), s.jacobian(function, x, mode="forward")
    np.testing.assert_allclose(forward.data, reverse.data, rtol=1e-9, atol=1e-12)


def test_the_notes_layout_of_derivatives():
    A = np.arange(6.0).reshape(2, 3)
    x = np.array([1.0, -1.0, 2.0])
    assert np.array_equal(s.jacobian(lambda x: x * 1, x).data, np.eye(3))
    assert np.array_equal(s.jacobian(lambda x: A @ x, x).data, A)
    assert np.array_equal(s.jacobian(lambda x: x[0] ** 2 + 2 * x[1] ** 2, x).data, [[2.0, -4.0, 0.0]])  # a row
    column = s.jacobian(lambda t: s.stack([t * 2, t * t]), np.array(3.0))
    assert np.array_equal(column.data, [[2.0], [6.0]])
    inner, outer = (lambda x: (A @ x).tanh()), (lambda u: u * u)
    chain = s.jacobian(outer, inner(Tensor(x)).data).data @ s.jacobian(inner, x).data
    np.testing.assert_allclose(s.jacobian(lambda x: outer(inner(x)), x).data, chain, rtol=1e-12)


def test_the_gradient_checker_passes_right_rules_and_catches_wrong_ones():
    x = Tensor(np.array([0.3, -0.7]), requires_grad=True)
    assert s.check_gradient(lambda x: x.exp() * x, x) < 1e-6

    def wrong(X):
        return record("square", X.data**2, both_ways(X, lambda G: G * X.data, X))

    with pytest.raises(AssertionError, match=r"input 0 of shape \(2,\) at \(0,\): backward\(\) gives 0.3, differences"):
        s.check_gradient(wrong, x)
    with pytest.raises(TypeError, match="float32, expected float64"):
        s.check_gradient(lambda x: x, s.randn(2, requires_grad=True))


# What it is made of -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", sorted(FOLDER.rglob("*.py")), ids=lambda file: str(file.relative_to(FOLDER)))
def test_imports_the_standard_library_numpy_and_scratch(file):
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module] if isinstance(node, ast.ImportFrom) else []
        for name in names:
            assert name.startswith("fathom.scratch") or name.partition(".")[0] in {"numpy", *sys.stdlib_module_names}


def test_scratch_loads_without_torch():
    code = "import sys, fathom.scratch; print([m for m in ('torch', 'scipy', 'sklearn', 'pandas') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize("file", sorted(FOLDER.rglob("*.py")), ids=lambda file: str(file.relative_to(FOLDER)))
def test_files_stay_short(file):
    assert len(file.read_text(encoding="utf-8").splitlines()) < 400
