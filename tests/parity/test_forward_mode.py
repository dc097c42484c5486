"""Forward mode beside torch's: every operation of the tables, with Tensors and Duals on either side of it.

A ``Dual`` is never dropped: what cannot be differentiated forward is an error.
"""

import ast
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twins import TABLE, TENSOR

import fathom.scratch as s
from fathom.scratch import Dual, Tensor
from fathom.scratch.engine.autograd import Edge
from fathom.scratch.engine.tensor import record
from fathom.scratch.networks import create

# torch's forward mode loads a part of torch that warns of another part of torch
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:FutureWarning")
few = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
SOURCES = sorted(Path(s.__file__).parent.rglob("*.py"))


def rows(kind, table):
    return [pytest.param(row, id=name) for name, row in table.items() if type(row).__name__ == kind]


def parts(result):
    return result if isinstance(result, tuple) else (result,)


def torch_tangents(function, points, directions):
    """J v from torch: forward mode, or, for operations of torch's that have none, row by row in reverse mode."""
    try:
        return parts(torch.func.jvp(lambda *moved: parts(function(*moved)), points, directions)[1])
    except (NotImplementedError, RuntimeError):
        pass
    tangents = []
    for number in range(len(parts(function(*points)))):
        blocks = torch.autograd.functional.jacobian(lambda *moved, i=number: parts(function(*moved))[i], points)
        shape = parts(function(*points))[number].shape
        tangents.append(
            sum(
                (J.reshape(shape.numel(), -1) @ v.reshape(-1)).reshape(shape)
                for J, v in zip(blocks, directions, strict=True)
            )
        )
    return tuple(tangents)


def compare(ours, theirs, arrays, moving, rng, tolerance):
    """Make Duals of the arrays that move, Tensors of the others, and compare values and tangents with torch's."""
    directions = {i: rng.standard_normal(arrays[i].shape) for i in moving}
    given = [Dual(a.copy(), directions[i]) if i in moving else Tensor(a.copy()) for i, a in enumerate(arrays)]
    fixed = [torch.tensor(a) for a in arrays]

    def function(*moved):
        inputs = list(fixed)
        for place, value in zip(moving, moved, strict=True):
            inputs[place] = value
        return theirs(*inputs)

    points = tuple(fixed[i].clone() for i in moving)
    expected = torch_tangents(function, points, tuple(torch.tensor(directions[i]) for i in moving))
    found = parts(ours(*given))
    assert len(found) == len(expected)
    for Y, T in zip(found, expected, strict=True):
        tangent = Y.tangent if isinstance(Y, Dual) else np.zeros(Y.shape)
        if T.abs().max() > 1e-9 if T.numel() else False:
            assert isinstance(Y, Dual), "the tangent was dropped"
        size = float(T.abs().max()) if T.numel() else 0.0
        np.testing.assert_allclose(tangent, T.numpy(), rtol=tolerance, atol=tolerance * size + 1e-12)
        assert tangent.dtype == Y.dtype


def moves(data, arrays):
    floating = [i for i, array in enumerate(arrays) if array.dtype.kind == "f"]
    return sorted(data.draw(st.sets(st.sampled_from(floating), min_size=1)))


@pytest.mark.parametrize("row", rows("Function", TENSOR) + rows("Function", TABLE))
@few
@given(st.data())
def test_every_function_of_the_tables(row, data):
    case = data.draw(row.cases)
    moving = moves(data, case.arrays)
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    compare(
        lambda *inputs: row.ours(*inputs, **case.options),
        lambda *inputs: row.theirs(*inputs, **case.options),
        case.arrays,
        moving,
        rng,
        row.tolerance,
    )


@pytest.mark.parametrize("row", rows("Layer", TABLE))
@pytest.mark.parametrize("training", [True, False])
@few
@given(st.data())
def test_every_layer_of_the_table(row, training, data):
    """The input moves, the parameters are Tensors that require a gradient."""
    case = data.draw(row.cases)
    torch.manual_seed(1)
    theirs = row.theirs(**case.options).double().train(training).requires_grad_(False)
    ours = row.ours(**case.options).double().train(training)
    state = {name: value.numpy() for name, value in theirs.state_dict().items()}
    ours.load_state_dict({k: v for k, v in state.items() if "num_batches" not in k and not k.startswith("rnn.")})
    compare(ours, theirs, case.arrays, [0], np.random.default_rng(0), 1e-9)


# The rows of cells alone wrap them in a module of the tests; Recurrent has each of them inside
@pytest.mark.parametrize("row", [row for row in rows("Layer", TABLE) if "Cell" not in row.id])
@few
@given(st.data())
def test_every_layer_with_moving_parameters(row, data):
    """The parameters move, the input is a Tensor: the derivative of a loss along the parameters."""
    case = data.draw(row.cases)
    s.manual_seed(0)
    net = row.ours(**case.options).double()
    named = [
        (module, name) for module in net.modules() for name, p in vars(module).items() if isinstance(p, s.Parameter)
    ]
    if not named:
        return
    rng = np.random.default_rng(0)
    X, slope = Tensor(case.arrays[0]), 0.0
    loss = (net(X) ** 2).sum()
    loss.backward()
    for module, name in named:
        parameter = getattr(module, name)
        direction = rng.standard_normal(parameter.shape)
        if parameter.grad is not None:
            slope += float((parameter.grad.data * direction).sum())
        setattr(module, name, Dual(parameter.data, direction))
    moved = (net.eval().train()(X) ** 2).sum()
    scale = max(1.0, abs(loss.item()))
    assert moved.tangent == pytest.approx(slope, rel=1e-8, abs=1e-9 * scale)


def test_a_dual_has_every_method_of_a_tensor_and_each_gives_a_dual():
    """The rows above cover every public name of Tensor, see test_parity; Dual has them by being one."""
    names = {name for name in dir(Tensor) if not name.startswith("_")}
    assert issubclass(Dual, Tensor)
    assert names < set(dir(Dual))


@pytest.mark.parametrize("file", SOURCES, ids=lambda path: path.name)
def test_every_edge_in_the_sources_has_its_way_forward(file):
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Edge":
            assert "push" in {keyword.arg for keyword in node.keywords}, f"line {node.lineno}"


# The cases that lost a tangent once, and their kin ------------------------------------------------------------------

A = np.random.default_rng(0).standard_normal((3, 4))
x = np.random.default_rng(1).uniform(0.5, 2, 4)

MIXED = {
    "Tensor @": lambda lib, x, A: A @ x,
    "@ Tensor": lambda lib, x, A: x @ lib.T(A),
    "Tensor *": lambda lib, x, A: A * x,
    "* Tensor": lambda lib, x, A: x * A,
    "Tensor +": lambda lib, x, A: A + x,
    "+ Tensor": lambda lib, x, A: x + A,
    "Tensor -": lambda lib, x, A: A - x,
    "- Tensor": lambda lib, x, A: x - A,
    "Tensor /": lambda lib, x, A: A / x,
    "/ Tensor": lambda lib, x, A: x / A,
    "Tensor **": lambda lib, x, A: A.abs() ** x,
    "** Tensor": lambda lib, x, A: x**A,
    "mv": lambda lib, x, A: lib.mv(A, x),
    "ones_like": lambda lib, x, A: lib.ones_like(x) * x,
    "where": lambda lib, x, A: lib.where(A > 0, x, A) + lib.where(A > 0, A * 2, x * x) + lib.where(x > 1, x, 0.5),
    "cat": lambda lib, x, A: lib.cat([A[0], x * x, A[1]]),
    "stack": lambda lib, x, A: lib.stack([A[0], x * x, A[1]]),
    "flatten": lambda lib, x, A: (A * x).flatten(),
    "unsqueeze": lambda lib, x, A: x.unsqueeze(1) * x,
    "norm": lambda lib, x, A: (A - x).norm() * lib.T(A),
    "var": lambda lib, x, A: (A * x).var(),
    "min": lambda lib, x, A: (A * x).min() + (A * x).max(),
    "softmax": lambda lib, x, A: lib.softmax(A * x, -1) + lib.log_softmax(x * A, 0),
    "maximum": lambda lib, x, A: A.maximum(x) - x.minimum(A),
    "index": lambda lib, x, A: A[:, [0, 0, 2]] * x[[1, 1, 3]] + x[1:] - x[:-1] * A[:, 1:],
    "clip": lambda lib, x, A: (A + x).clip(0.2, 1.5),
}


class Ours:
    mv, ones_like, where, cat, stack = s.mv, s.ones_like, s.where, s.cat, s.stack
    softmax, log_softmax = s.softmax, s.log_softmax
    T = staticmethod(lambda A: A.T)


class Torch:
    mv, ones_like, where, cat, stack = torch.mv, torch.ones_like, torch.where, torch.cat, torch.stack
    softmax, log_softmax = torch.softmax, torch.log_softmax
    T = staticmethod(lambda A: A.T)


@pytest.mark.parametrize("function", MIXED.values(), ids=MIXED)
def test_jacobians_with_a_tensor_on_either_side(function):
    expected = torch.func.jacfwd(lambda x: function(Torch, x, torch.tensor(A)))(torch.tensor(x)).reshape(-1, 4)
    for mode in ("forward", "reverse"):
        found = s.jacobian(lambda x: function(Ours, x, Tensor(A)), Tensor(x), mode)
        np.testing.assert_allclose(found.data, expected.numpy(), rtol=1e-9, atol=1e-12)


def test_losses_are_differentiated_forward_by_prediction_and_by_target():
    rng = np.random.default_rng(2)
    p, q = rng.uniform(0.1, 0.9, (3, 2)), rng.uniform(0.1, 0.9, (3, 2))
    for loss in (s.squared, s.half_squared, s.l1, s.huber, s.smooth_l1, s.bce, s.bce_with_logits, s.soft_targets):
        for function in (lambda t, loss=loss: loss(t, Tensor(q)), lambda t, loss=loss: loss(Tensor(p), t)):
            np.testing.assert_allclose(
                s.forward_gradient(function, p).data.ravel(),
                s.jacobian(function, p).data.ravel(),
                rtol=1e-9,
                atol=1e-15,
            )


def test_writes_into_constants_make_them_move():
    def scatter(x):
        Y = s.zeros(3, dtype=np.float64)
        Y[1] = x[0] * x[1]
        Y[2:] = x[:1]
        Y += x[1]
        Y *= 2.0
        return Y

    point = np.array([2.0, 3.0])
    expected = [[0.0, 2.0], [6.0, 6.0], [2.0, 2.0]]
    for mode in ("forward", "reverse"):
        assert s.jacobian(scatter, point, mode).tolist() == expected


@s.no_grad()
def write_into_parameter(dual):
    s.Parameter(np.zeros(2)).copy_(dual)


def test_a_tangent_is_never_dropped_silently():
    dual = Dual(np.array([1.0, 2.0]), np.array([1.0, 0.0]))
    for escape in (
        lambda: Tensor(dual),
        lambda: s.tensor(dual),
        lambda: s.Parameter(dual),
        lambda: Dual(dual, np.ones(2)),
        lambda: dual.numpy(),
        lambda: np.asarray(dual),
        lambda: (dual * 1).requires_grad_().sum().backward(),
        lambda: Tensor([1.0, 2.0], requires_grad=True).backward(dual),
        lambda: write_into_parameter(dual),
        lambda: s.least_squares(s.stack([dual, dual * dual]), Tensor(np.ones(2))),
        lambda: record("own", dual.data, Edge(dual, lambda G: G)),
    ):
        with pytest.raises((TypeError, RuntimeError, NotImplementedError)):
            escape()
    view = dual[:1]
    with pytest.raises(RuntimeError, match="while it has a tangent"):
        dual[0] = 5.0
    assert view.tangent.tolist() == [1.0]


def test_constants_in_the_function_stay_constants():
    value, slope = s.jvp(lambda x: Tensor(np.array([7.0])), x, x)
    assert (value.tolist(), slope.tolist()) == ([7.0], [0.0])
    value, slope = s.jvp(lambda x: 3.0, x, x)
    assert (value.item(), slope.item()) == (3.0, 0.0)
    assert s.jvp(lambda x: (x * x).detach() * x, np.array(2.0), 1.0)[1].item() == 4.0
    with s.no_grad():  # as in torch: no concern of forward mode's
        assert s.jvp(lambda x: x * x, np.array(2.0), 1.0)[1].item() == 4.0


def test_a_net_whose_parameters_need_gradients_keeps_them():
    net = s.Sequential(s.Linear(4, 3), s.Tanh()).double()
    by_columns = s.jacobian(net, x, "forward")
    by_rows = s.jacobian(net, x)
    np.testing.assert_allclose(by_columns.data, by_rows.data, rtol=1e-12)
    assert all(parameter.grad is None for parameter in net.parameters())  # no derivative of ours leaks into grad


SECOND = {
    "reverse over forward": lambda f: s.jacobian(lambda x: s.jacobian(f, x, "forward"), x),
    "reverse over reverse": lambda f: s.jacobian(lambda x: s.jacobian(f, x), x),
    "backward of a leaf": lambda f: s.jacobian(lambda x: f(x).backward() or x.grad, x),
    "differences": lambda f: s.jacobian(lambda x: s.numerical_gradient(f, Tensor(x.data.copy()))[0], x),
}


@pytest.mark.parametrize("nested", SECOND.values(), ids=SECOND)
def test_a_derivative_of_a_derivative_is_refused_in_one_line(nested):
    with pytest.raises(RuntimeError, match="derivative of a derivative is not supported") as caught:
        nested(lambda x: (x * x * x).sum())
    assert "\n" not in str(caught.value)
    # and what comes afterwards is not inside anything
    assert s.jacobian(lambda x: x.sum(), x).tolist() == [[1.0] * 4]


def test_a_walk_back_inside_a_derivative_carries_its_tangent():
    """What ``backward()`` leaves in ``grad``, and what forward accumulation gives, moves too: of x³ by 6x."""
    point, one = np.array([0.5, -0.3, 2.0]), np.ones(3)
    cubes = lambda x: (x * x * x).sum()  # noqa: E731
    _, slope = s.jvp(lambda x: cubes(x.requires_grad_()).backward() or x.grad, point, one)
    np.testing.assert_allclose(slope.data, 6 * point)
    slope = s.forward_gradient(lambda x: s.forward_gradient(lambda y: (y * y * y).sum(), x).sum(), point)
    np.testing.assert_allclose(slope.data, 6 * point)
    # a direction that is read as data is a constant: d/dx Σ x·v, with v = x.data
    _, slope = s.jvp(lambda x: s.jvp(lambda y: (x * y).sum(), one, x.data)[1], point, one)
    np.testing.assert_allclose(slope.data, point.sum())


def test_differences_of_derivatives_are_the_second_ones():
    """What the error message advises."""
    point = Tensor(np.array([0.5, -0.3]))
    (found,) = s.numerical_gradient(lambda x: s.jacobian(lambda y: y**3, x), point)
    np.testing.assert_allclose(found.data, 6 * point.data, rtol=1e-6)


def test_float32_and_what_has_no_entries():
    value, slope = s.jvp(lambda x: (x * 2).sum(), np.ones(3, np.float32), np.ones(3))
    assert value.dtype == slope.dtype == np.float32
    assert s.jvp(lambda x: (x * 2).sum(), np.ones((0, 2)), np.ones((0, 2)))[1].item() == 0
    with pytest.raises(TypeError, match="only floating-point tensors can have a tangent; data has dtype int64"):
        Dual([1, 2])
    with pytest.raises(ValueError, match=r"tangent has shape \(3,\), expected that of the value, \(2,\)"):
        Dual([1.0, 2.0], [1.0, 2.0, 3.0])


def test_what_is_infinite_and_left_out_leaves_no_trace():
    """0·∞ is nan: what where, relu and clip leave out is left out."""
    for function in (
        lambda x: s.where(x > 0, x.sqrt(), 0.0),
        lambda x: (x.sqrt() - 1).relu(),
        lambda x: x.sqrt().clip(0.5, 1.5),
    ):
        with np.errstate(divide="ignore"):
            _, slope = s.jvp(function, np.array([0.0, 2.0]), np.ones(2))
        assert np.isfinite(slope.data).all()


@pytest.mark.parametrize(("name", "shape"), [("lenet", (1, 16, 16)), ("googlenet", (1, 8, 8)), ("resnet", (1, 8, 8))])
@pytest.mark.parametrize("training", [True, False])
def test_whole_networks_both_ways(name, shape, training):
    """g·(Jv), forward, is (gJ)·v, backward."""
    s.manual_seed(0)
    options = {"width": 2} if name == "resnet" else {}
    net = create(name, input_shape=shape, num_classes=3, **options).double().train(training)
    rng = np.random.default_rng(0)
    X, v, g = (rng.standard_normal(size) for size in ((2, *shape), (2, *shape), (2, 3)))
    s.manual_seed(1)  # the same dropout on both ways
    _, slope = s.jvp(net, X, v)
    leaf = Tensor(X, requires_grad=True)
    s.manual_seed(1)
    net(leaf).backward(g)
    assert (g * slope.data).sum() == pytest.approx((leaf.grad.data * v).sum(), rel=1e-9)
