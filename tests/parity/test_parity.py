"""Every public name of fathom.scratch gives what its twin in PyTorch gives: values, gradients, trajectories."""

import warnings

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twins import REASONS, TABLE, TENSOR, TENSOR_REASONS

import fathom.scratch as s
from fathom.scratch import Tensor

few = settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def rows(kind, table=TABLE):
    return [pytest.param(row, id=name) for name, row in table.items() if type(row).__name__ == kind]


def assert_equal(ours, theirs, tolerance=1e-9):
    """Same shape and type; equal to ``tolerance`` relative to the entry, or to the largest entry where sums cancel."""
    if isinstance(ours, tuple):
        assert isinstance(theirs, tuple)
        for each in zip(ours, theirs, strict=True):
            assert_equal(*each, tolerance)
        return
    ours, theirs = np.asarray(getattr(ours, "data", ours)), theirs.detach().numpy()
    assert ours.shape == theirs.shape
    assert ours.dtype == theirs.dtype
    size = np.abs(theirs).max(initial=0.0) if theirs.dtype.kind == "f" else 0
    # 1e-12: where the true value is 0 everywhere, as of a softmax over one entry, what is left is rounding, of a norm
    # over one feature 1/√ε = 300 times as large
    np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance * size + 1e-12)


def inputs(case, grad):
    """The arrays as tensors of both; floating-point ones require gradients."""
    ours = [Tensor(array.copy(), requires_grad=grad and array.dtype.kind == "f") for array in case.arrays]
    theirs = [torch.tensor(array, requires_grad=grad and array.dtype.kind == "f") for array in case.arrays]
    return ours, theirs


def first(result):
    return result[0] if isinstance(result, tuple) else result


# Functions ----------------------------------------------------------------------------------------------------------


def test_every_public_name_has_a_twin_or_a_reason():
    names = set(s.__all__)
    assert names == {name for name in dir(s) if name in names}
    assert names - TABLE.keys() - REASONS.keys() == set()
    assert TABLE.keys() | REASONS.keys() <= names
    assert not TABLE.keys() & REASONS.keys()
    assert all(row.why for row in [*TABLE.values(), *TENSOR.values()] if getattr(row, "tolerance", 1e-9) > 1e-9)


def test_every_method_of_a_tensor_has_a_twin_or_a_reason():
    names = {name for name in dir(Tensor) if not name.startswith("_")}
    covered = {word for key in TENSOR for word in key.replace(",", "").split()}
    assert names - covered - TENSOR_REASONS.keys() == set()
    assert TENSOR_REASONS.keys() <= names


@pytest.mark.parametrize("row", rows("Function", TENSOR) + rows("Function"))
@few
@given(st.data())
def test_values_and_gradients(row, data):
    case = data.draw(row.cases)
    ours, theirs = inputs(case, grad=True)
    Y, T = row.ours(*ours, **case.options), row.theirs(*theirs, **case.options)
    assert_equal(Y, T, row.tolerance)
    weights = np.random.default_rng(0).standard_normal(first(Y).shape)
    (first(Y) * Tensor(weights)).sum().backward()
    (first(T) * torch.tensor(weights)).sum().backward()
    for each, twin in zip(ours, theirs, strict=True):
        if each.requires_grad:
            assert_equal(each.grad, torch.zeros_like(twin) if twin.grad is None else twin.grad, row.tolerance)


@pytest.mark.parametrize("row", rows("Values", TENSOR) + rows("Values"))
@few
@given(st.data())
def test_values(row, data):
    case = data.draw(row.cases)
    ours, theirs = inputs(case, grad=False)
    assert_equal(row.ours(*ours, **case.options), row.theirs(*theirs, **case.options), row.tolerance)


@pytest.mark.parametrize("row", rows("Law"))
def test_random_numbers_by_their_law(row):
    torch.manual_seed(0)
    s.manual_seed(0)
    X, T = row.ours(), row.theirs()
    assert X.shape == T.shape
    assert X.dtype == T.numpy().dtype
    X, T = X.data.astype(np.float64), T.double().numpy()
    n, spread = X.size, T.std()
    # Six standard errors: of a mean, and of a deviation (for no law here is its fourth moment above the normal's)
    assert abs(X.mean() - T.mean()) < 6 * spread * np.sqrt(2 / n)
    assert abs(X.std() - spread) < 6 * spread / np.sqrt(n)
    if row.ends:  # of n uniform numbers the largest is within 20/n of the end but for one case in e²⁰
        assert X.max() == pytest.approx(T.max(), abs=20 / n * np.ptp(T))
        assert X.min() == pytest.approx(T.min(), abs=20 / n * np.ptp(T))


# Layers -------------------------------------------------------------------------------------------------------------


def twins(row, options):
    """The layer of both, in float64, with the same parameters; none of them 0 or 1 as they begin."""
    torch.manual_seed(1)
    theirs = row.theirs(**options).double()
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    ours = row.ours(**options).double()
    ours.load_state_dict(copied(theirs))
    return ours, theirs


def copied(module):
    state = {name: value.numpy() for name, value in module.state_dict().items()}
    return {name: value for name, value in state.items() if "num_batches" not in name and not name.startswith("rnn.")}


def assert_same_state(ours, theirs):
    state, twin = ours.state_dict(), copied(theirs)
    assert state.keys() == twin.keys()
    for name in state:
        assert_equal(state[name], torch.tensor(twin[name]))


@pytest.mark.parametrize("row", rows("Layer"))
@few
@given(st.data())
def test_layers_and_their_gradients(row, data):
    case = data.draw(row.cases)
    ours, theirs = twins(row, case.options)
    for training in (True, False):
        ours.train(training)
        theirs.train(training)
        ours.zero_grad()
        theirs.zero_grad()
        [x], [t] = inputs(case, grad=True)
        Y, T = ours(x), theirs(t)
        assert_equal(Y, T)
        weights = np.random.default_rng(0).standard_normal(Y.shape)
        (Y * Tensor(weights)).sum().backward()
        (T * torch.tensor(weights)).sum().backward()
        assert_equal(x.grad, t.grad)
        named = dict(theirs.named_parameters(remove_duplicate=False))
        for name, parameter in ours.named_parameters():
            # Where everything cancels (a batch-normalised layer's sum over the batch) what is left is rounding: it is
            # compared with the weights that went in, not with itself
            size = max(1.0, float(np.abs(weights).sum()))
            found, expected = parameter.grad.data, named[name].grad.numpy()
            np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-10 * size)
    assert_same_state(ours, theirs)


@pytest.mark.parametrize("row", rows("Layer"))
# The same cases each time: twenty steps blow rounding up, and how far depends on the case
@settings(max_examples=2, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(st.data())
def test_twenty_steps_of_training_a_layer(row, data):
    case = data.draw(row.cases)
    ours, theirs = twins(row, case.options)
    if not list(ours.parameters()):
        return
    optimizer = s.SGD(ours.parameters(), lr=0.05, momentum=0.5)
    twin = torch.optim.SGD(theirs.parameters(), lr=0.05, momentum=0.5)
    rng = np.random.default_rng(0)
    goal = None
    for _ in range(20):
        X = case.arrays[0] + 0.1 * rng.standard_normal(case.arrays[0].shape)
        Y, T = ours(Tensor(X)), theirs(torch.tensor(X))
        goal = rng.standard_normal(Y.shape) if goal is None else goal
        loss, loss_twin = s.squared(Y, Tensor(goal)), torch.nn.functional.mse_loss(T, torch.tensor(goal))
        assert_equal(loss, loss_twin)
        for each, value in ((optimizer, loss), (twin, loss_twin)):
            each.zero_grad()
            value.backward()
            each.step()
    assert_same_state(ours, theirs)


# Optimisers and schedules -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "options"),
    [pytest.param(p.values[0], o, id=f"{p.id}-{o}") for p in rows("Optimiser") for o in p.values[0].options],
)
def test_twenty_steps_of_an_optimiser(row, options):
    rng = np.random.default_rng(3)
    start = [rng.standard_normal((4, 3)), rng.standard_normal(3)]
    ours = [s.Parameter(w.copy()) for w in start]
    theirs = [torch.nn.Parameter(torch.tensor(w)) for w in start]
    optimizer, twin = row.ours(ours, **options), row.theirs(theirs, **options)
    for step in range(20):
        X, y = rng.standard_normal((8, 4)), rng.standard_normal((8, 3))
        optimizer.zero_grad()
        twin.zero_grad()
        s.squared((Tensor(X) @ ours[0] + ours[1]).tanh(), Tensor(y)).backward()
        torch.nn.functional.mse_loss(torch.tanh(torch.tensor(X) @ theirs[0] + theirs[1]), torch.tensor(y)).backward()
        if step == 5:  # a parameter without a gradient takes no step, and its count of steps stays
            ours[1].grad = theirs[1].grad = None
        optimizer.step()
        twin.step()
        for each, other in zip(ours, theirs, strict=True):
            assert_equal(each, other)
    assert not np.allclose(ours[0].data, start[0])


@pytest.mark.parametrize("row", rows("Curve"))
def test_schedules_step_by_step(row):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    with warnings.catch_warnings():
        # torch warns of steps of the schedule without one of the optimiser; SequentialLR of its own use of an argument
        warnings.simplefilter("ignore")
        schedule = row.theirs(optimizer)
        for step in range(row.num_steps):
            assert row.ours(step) == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-9, abs=1e-12)
            if step < row.num_steps - 1:
                schedule.step()
