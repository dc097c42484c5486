"""The table of torchvision's networks against torchvision itself."""

import pytest
import torch
import torchvision
from torchvision.models import get_model_weights

from fathom.models.registry import create
from fathom.models.torchvision_names import PUBLISHED, SIDE
from fathom.preprocess import Preprocess


def weights_of(name):
    return [w for w in get_model_weights(name) if w.name.startswith("IMAGENET1K_V")]


@pytest.mark.parametrize("name", PUBLISHED)
def test_network_has_the_names_and_shapes_of_the_published_one(name):
    published = PUBLISHED[name]
    options = {"init_weights": False} if name == "googlenet" else {}
    with torch.device("meta"):
        ours = create(published.model, input_shape=(3, SIDE, SIDE), num_classes=1000, **published.options)
        theirs = getattr(torchvision.models, name)(weights=None, **options)
    surplus = {n for n in theirs.state_dict() if n.startswith(("aux1.", "aux2."))}  # for training alone
    assert {n: t.shape for n, t in ours.state_dict().items()} == {
        n: t.shape for n, t in theirs.state_dict().items() if n not in surplus
    }


@pytest.mark.parametrize("name", PUBLISHED)
def test_normalisation_and_size_are_the_published_ones(name):
    published = PUBLISHED[name]
    for weights in weights_of(name):
        transforms = weights.transforms()
        assert transforms.crop_size == [SIDE]
        assert len(weights.meta["categories"]) == 1000
        X = torch.rand(1, 3, SIDE, SIDE)
        expected = torchvision.transforms.functional.normalize(X, transforms.mean, transforms.std)
        if name == "googlenet":
            net = torchvision.models.googlenet(weights=None, transform_input=True, init_weights=False, aux_logits=False)
            expected = net._transform_input(expected)
        torch.testing.assert_close(Preprocess(published.mean, published.std)(X), expected)


def test_every_network_that_both_have_is_in_the_table():
    theirs = torchvision.models.list_models(torchvision.models)
    both = {name for name in theirs if name.startswith(("resnet", "vgg"))} | {"alexnet", "googlenet"}
    assert both | {"vit_b_16", "convnext_tiny", "convnext_small"} == set(PUBLISHED)
