"""Freezing: which names a pattern fits, and that what is frozen stays to the bit."""

import copy

import pytest
import torch
from torch import nn

from fathom.errors import UsageError
from fathom.freezing import match_names
from fathom.models.registry import create
from fathom.module import Classifier

NAMES = ["conv1.weight", "bn1.weight", "bn1.bias", "layer1.0.conv1.weight", "layer2.0.conv1.weight", "fc.weight"]


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (["layer[1-3].*"], ["layer1.0.conv1.weight", "layer2.0.conv1.weight"]),
        (["layer1"], ["layer1.0.conv1.weight"]),
        (["*.conv1.weight", "bn1"], ["bn1.weight", "bn1.bias", "layer1.0.conv1.weight", "layer2.0.conv1.weight"]),
        (["*"], NAMES),
        ([], []),
    ],
)
def test_patterns_name_parameters(patterns, expected):
    assert match_names(patterns, NAMES) == expected


def test_pattern_that_names_nothing_is_told_what_is_near():
    with pytest.raises(UsageError, match=r"freeze 'layr1\.\*': no parameter matches; similar names: layer1"):
        match_names(["fc", "layr1.*"], NAMES)
    with pytest.raises(UsageError, match=r"patterns are globs such as .*; there are conv1, bn1, layer1, layer2, fc$"):
        match_names([r"(encoder|decoder)\..*"], NAMES)


def make_module():
    torch.manual_seed(0)
    return Classifier(create("resnet9", input_shape=(1, 8, 8), num_classes=3, width=4))


def take_steps(module, count=3):
    optimizer = torch.optim.AdamW([p for p in module.parameters() if p.requires_grad], lr=0.01)
    module.train()
    for _ in range(count):
        loss = module.training_step((torch.rand(8, 1, 8, 8), torch.randint(3, (8,))))["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def test_frozen_part_stays_to_the_bit_with_its_statistics_and_the_rest_learns():
    module = make_module()
    before = copy.deepcopy(module.state_dict())
    names = module.freeze("stem", "stage1")
    assert names
    assert all(name.startswith(("stem.", "stage1.")) for name in names)
    take_steps(module)
    for name, tensor in module.state_dict().items():
        is_frozen = name.startswith(("net.stem.", "net.stage1."))
        if is_frozen or name.startswith("preprocess."):
            assert torch.equal(tensor, before[name]), name
        else:
            assert not torch.equal(tensor, before[name]), name
    assert all(p.grad is None for name, p in module.net.named_parameters() if name in names)


def test_batch_norm_at_rest_computes_as_in_evaluation_also_in_a_copy():
    module = make_module()
    module.freeze("stem")
    module = copy.deepcopy(module).train()
    assert not module.net.stem[1].training
    assert module.net.stage2[2].training
    X = torch.rand(4, 1, 8, 8)
    trained = module.net.stem(X)
    assert torch.equal(trained, module.eval().net.stem(X))


def test_layer_of_which_a_part_learns_keeps_learning_its_statistics():
    module = make_module()
    module.freeze("stem.1.weight")
    assert module.train().net.stem[1].training


def test_module_without_net_is_frozen_by_its_own_names():
    class Own(Classifier):
        def __init__(self):
            super().__init__()
            self.first, self.last = nn.Linear(4, 4), nn.Linear(4, 2)

        def forward(self, X):
            return self.last(self.first(X).relu())

    module = Own()
    assert module.freeze("first") == ["first.weight", "first.bias"]
