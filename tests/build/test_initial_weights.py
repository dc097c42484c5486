"""Weights from elsewhere: what is taken over, what begins anew, what is refused."""

import pytest
import torch

from fathom.build.initial_weights import adapt_statistics, load_initial
from fathom.build.weight_files import Weights
from fathom.errors import UsageError
from fathom.models.registry import create


def make_net(num_classes=3, channels=1, name="lenet", side=28, seed=0, **options):
    torch.manual_seed(seed)
    return create(name, input_shape=(channels, side, side), num_classes=num_classes, **options)


def weights_of(net, outputs=()):
    return Weights("the source", {name: tensor.clone() for name, tensor in net.state_dict().items()}, tuple(outputs))


def test_same_classes_give_the_same_network():
    source, net = make_net(), make_net(seed=1)
    loading = load_initial(weights_of(source, "abc"), net, "abc")
    assert all(torch.equal(net.state_dict()[name], tensor) for name, tensor in source.state_dict().items())
    assert (loading.new, loading.share, loading.reused) == ({}, 1.0, ["a", "b", "c"])
    assert loading.head == ["11.weight", "11.bias"]


def test_classes_in_another_order_are_found_by_name():
    source, net = make_net().eval(), make_net(seed=1).eval()
    loading = load_initial(weights_of(source, "abc"), net, "cab")
    X = torch.rand(2, 1, 28, 28)
    torch.testing.assert_close(net(X), source(X)[:, [2, 0, 1]])
    assert loading.new == {}


def test_rows_of_common_classes_are_taken_and_the_others_begin_near_zero():
    source, net = make_net(), make_net(4, seed=1)
    loading = load_initial(weights_of(source, "abc"), net, "xcay")
    head, theirs = net.state_dict()["11.weight"], source.state_dict()["11.weight"]
    assert torch.equal(head[[1, 2]], theirs[[2, 0]])
    assert 0 < head[[0, 3]].abs().max() < 0.06
    assert net.state_dict()["11.bias"][[0, 3]].tolist() == [0, 0]
    assert loading.reused == ["c", "a"]
    assert "2 of 4 are reused" in loading.new["11.weight"]
    assert any("reused by name: 2 of 4: c, a" in line for line in loading.summary())


def test_head_keeps_its_own_initialisation_where_one_was_chosen():
    net, untouched = make_net(5, seed=1), make_net(5, seed=1)
    load_initial(weights_of(make_net(), "abc"), net, "vwxyz", quiet_head=False)
    assert torch.equal(net[-1].weight, untouched[-1].weight)


def test_without_names_a_head_of_the_same_size_is_taken_and_another_is_not():
    assert load_initial(weights_of(make_net()), make_net(seed=1), "abc").new == {}
    loading = load_initial(weights_of(make_net()), make_net(4, seed=1), "abcd")
    assert loading.new["11.weight"] == "3x84 there, 4x84 here"


def test_grey_images_meet_kernels_for_colour_and_the_other_way_round():
    colour, grey = make_net(channels=3).eval(), make_net(seed=1).eval()
    X = torch.rand(2, 1, 28, 28)
    load_initial(weights_of(colour, "abc"), grey, "abc")
    torch.testing.assert_close(grey(X), colour(X.expand(-1, 3, -1, -1)))
    again = make_net(channels=3, seed=2).eval()
    loading = load_initial(weights_of(grey, "abc"), again, "abc")
    torch.testing.assert_close(again(X.expand(-1, 3, -1, -1)), grey(X))
    assert loading.changed == {"0.weight": "the kernel of one channel shared among 3"}
    assert adapt_statistics([0.25, 0.5, 0.75], 1) == [0.5]
    assert adapt_statistics([0.25], 3) == [0.25] * 3


def test_layer_of_another_shape_is_named_and_learns_as_new():
    net = make_net(side=32, seed=1)
    loading = load_initial(weights_of(make_net(side=28), "abc"), net, "abc")
    assert loading.new == {"7.weight": "120x400 there, 120x576 here"}
    assert loading.head == ["7.weight", "11.weight", "11.bias"]


def test_network_of_another_kind_is_refused_with_the_first_differences():
    with pytest.raises(UsageError, match=r"does not fit this network: stem\.0\.weight: missing in the source; .* more"):
        load_initial(weights_of(make_net(), "abc"), make_net(name="resnet9", width=4), "abc")


def test_language_model_takes_tokens_by_name_on_both_sides():
    def make(tokens, seed, **options):
        torch.manual_seed(seed)
        return create("gru", input_shape=(8,), num_classes=len(tokens), hidden=6, **options).eval()

    for options in ({"embedding": 0}, {"embedding": 5}):
        source, net = make("abcd", 0, **options), make("dbxa", 1, **options)
        load_initial(weights_of(source, "abcd"), net, "dbxa")
        theirs, ours = torch.tensor([[0], [1], [3]]), torch.tensor([[3], [1], [0]])  # a, b, d
        torch.testing.assert_close(net(ours)[0][..., [3, 1, 0]], source(theirs)[0][..., [0, 1, 3]])
