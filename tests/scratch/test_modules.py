"""Modules: parameters by name, sharing, state, files; what initialisers fill; the graph as an image."""

import copy
import pickle
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import fathom.scratch as s
from fathom.scratch import Tensor


def make_net():
    return s.Sequential(
        s.Conv2d(1, 2, 3), s.BatchNorm(2), s.Sequential(s.Flatten(), s.Linear(2, 3)), head=s.Linear(3, 3, bias=False)
    )


def test_parameters_by_name_and_state():
    net = make_net()
    names = ["0.weight", "0.bias", "1.weight", "1.bias", "2.1.weight", "2.1.bias", "head.weight"]
    assert [name for name, _ in net.named_parameters()] == names
    assert len(list(net.parameters())) == 7
    assert set(net.state_dict()) == {*names, "1.running_mean", "1.running_var"}
    assert net[2][1].weight is dict(net.named_parameters())["2.1.weight"]
    assert len(net) == 4


def test_a_shared_parameter_is_listed_once_and_gets_both_gradients():
    shared = s.Linear(2, 2).double()
    net = s.Sequential(shared, s.Tanh(), shared)
    assert [name for name, _ in net.named_parameters()] == ["0.weight", "0.bias"]
    X = np.array([[0.3, -0.2]])
    net(Tensor(X)).sum().backward()
    both = shared.weight.grad.data.copy()
    apart = s.Sequential(s.Linear(2, 2), s.Tanh(), s.Linear(2, 2)).double()
    apart.load_state_dict({f"{i}.{k}": v for i in (0, 2) for k, v in shared.state_dict().items()})
    apart(Tensor(X)).sum().backward()
    np.testing.assert_allclose(both, apart[0].weight.grad.data + apart[2].weight.grad.data, rtol=1e-12)


def test_a_copy_shares_nothing():
    net = make_net()
    net(s.randn(4, 1, 3, 3)).sum().backward()
    before, other = net.state_dict(), copy.deepcopy(net)
    s.SGD(other.parameters(), 0.1).step()
    other(s.randn(4, 1, 3, 3))
    for name, value in net.state_dict().items():
        assert np.array_equal(value, before[name])
    assert not np.array_equal(other.head.weight.data, net.head.weight.data)
    assert not np.array_equal(other.state_dict()["1.running_mean"], before["1.running_mean"])


def test_train_and_eval_reach_every_module():
    net = make_net()
    assert not any(module.training for module in net.eval().modules())
    assert all(module.training for module in net.train().modules())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.pop("head.weight"), "it lacks head.weight"),
        (lambda state: state.update(more=np.zeros(1)), "it has an unknown more"),
        (lambda state: state.update({"0.bias": np.zeros(3)}), r"0.bias has shape \(2,\), but the state's has \(3,\)"),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(change, message):
    net = make_net()
    before, state = net.state_dict(), {name: value + 1 for name, value in net.state_dict().items()}
    change(state)
    with pytest.raises(ValueError, match=message):
        net.load_state_dict(state)
    for name, value in net.state_dict().items():
        assert np.array_equal(value, before[name])


def test_saved_and_read_back(tmp_path):
    net, other = make_net(), make_net()
    net(s.randn(4, 1, 3, 3))
    net.save(tmp_path / "net.npz")
    other.load(tmp_path / "net.npz")
    for name, value in net.state_dict().items():
        assert np.array_equal(other.state_dict()[name], value)
    s.save(tmp_path / "list.npz", {"0": s.ones(2), "file": s.arange(3), "allow_pickle": np.eye(2)})
    assert s.load(tmp_path / "list.npz")["file"].tolist() == [0, 1, 2]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["list.npz", "net.npz"]


def test_a_failed_save_leaves_the_old_file(tmp_path):
    path = tmp_path / "net.npz"
    s.save(path, {"a": s.ones(2)})
    with pytest.raises(TypeError, match="b must hold numbers"):
        s.save(path, {"a": s.zeros(2), "b": "text"})
    assert s.load(path)["a"].tolist() == [1, 1]
    assert len(list(tmp_path.iterdir())) == 1


class Trap:
    def __reduce__(self):
        return (pytest.fail, ("code from a file was run",))


@pytest.mark.parametrize("kind", ["pickle", "array of objects", "text", "empty", "cut short"])
def test_files_that_are_no_tensors_are_refused(tmp_path, kind):
    path = tmp_path / "bad.npz"
    if kind == "pickle":
        path.write_bytes(pickle.dumps(Trap()))
    elif kind == "array of objects":
        with path.open("wb") as file:
            np.savez(file, a=np.array([Trap()], dtype=object))
    elif kind == "cut short":
        s.save(path, {"a": s.ones(100)})
        path.write_bytes(path.read_bytes()[:-40])
    else:
        path.write_text("hello" if kind == "text" else "")
    with pytest.raises(ValueError, match=r"bad\.npz is not a file of tensors that save\(\) wrote"):
        s.load(path)
    with pytest.raises(FileNotFoundError):
        s.load(tmp_path / "missing.npz")


# Initialisers -------------------------------------------------------------------------------------------------------


def test_rules_fill_weights_and_clear_biases():
    net = make_net()
    s.initialize(net, {s.Linear: lambda w: s.constant_(w, 2.0)})
    assert (net[2][1].weight.data == 2).all()
    assert (net[2][1].bias.data == 0).all()
    assert (net.head.weight.data == 2).all()
    assert not (net[0].weight.data == 2).any()
    s.initialize(net, lambda w: s.constant_(w, 3.0))
    assert (net[0].weight.data == 3).all()
    assert (net[1].weight.data == 1).all()  # a normalisation stays


@pytest.mark.parametrize(("fill", "variance"), [(s.xavier_normal_, 2 / 700), (s.kaiming_normal_, 2 / 400)])
def test_variances_are_the_formulas(fill, variance):
    w = fill(s.zeros(300, 400), generator=np.random.default_rng(0))
    assert w.data.var() == pytest.approx(variance, rel=0.02)


# The image of a graph ---------------------------------------------------------------------------------------------


def test_the_graph_shows_values_and_gradients_and_changes_nothing():
    x, w = Tensor([1.0, 2.0], requires_grad=True), Tensor([3.0, 5.0], requires_grad=True)
    y = (x * w).sum()
    svg = s.graph(y, {"<x> & co": x, "w": w})
    root = ET.fromstring(svg)
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    for expected in ("<x> & co", "w", "mul", "sum", "13", "[3, 10]", "∂ [3, 5]", "∂ [1, 2]", "∂ 1", "scalar", "2"):
        assert expected in texts
    assert len(list(root.iter("{http://www.w3.org/2000/svg}path"))) == 3 + 1  # three edges and the arrow's tip
    assert x.grad is None
    y.backward()  # the image freed nothing
    assert x.grad.tolist() == [3.0, 5.0]
    with pytest.raises(RuntimeError, match="freed"):
        s.graph(y)


def test_a_graph_too_large_for_a_image_says_so():
    y = x = Tensor([1.0], requires_grad=True)
    for _ in range(400):
        y = y + x
    with pytest.raises(RuntimeError, match="more than 300 nodes"):
        s.graph(y)
