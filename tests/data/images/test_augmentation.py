"""Augmentation against torchvision's transforms v2, image by image, with the same numbers."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fathom.data.images.augment import colour, geometry
from fathom.data.images.augment.augmentation import (
    Compose,
    Crop,
    Cutout,
    Flip,
    Jitter,
    Noise,
    ResizedCrop,
    Rotate,
    VerticalFlip,
)
from fathom.data.images.augment.augmentation_spec import AUGMENTATIONS, make_augmentation
from fathom.errors import UsageError


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def make_images(num: int = 16, channels: int = 3, size: int = 12, width: int | None = None) -> torch.Tensor:
    return torch.randint(0, 256, (num, channels, size, width or size), dtype=torch.uint8, generator=generator(99))


@pytest.fixture(scope="module")
def functional():
    from torchvision.transforms.v2 import functional

    return functional


# --- equal to torchvision, given the same numbers


@pytest.mark.parametrize(
    ("name", "channels"), [("brightness", 1), ("brightness", 3), ("contrast", 1), ("contrast", 3), ("saturation", 3)]
)
def test_adjust_equals_torchvision(functional, name, channels):
    images, factor = geometry.as_float(make_images(channels=channels)), torch.linspace(0, 2.5, 16)
    ours = getattr(colour, f"adjust_{name}")(images, factor)
    theirs = torch.stack(
        [getattr(functional, f"adjust_{name}")(x, f) for x, f in zip(images, factor.tolist(), strict=True)]
    )
    torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=0)


def test_adjust_hue_equals_torchvision(functional):
    images, factor = geometry.as_float(make_images()), torch.linspace(-0.5, 0.5, 16)
    images[:, :, 0] = images[:, :1, 0]  # grey pixels: no hue
    images[:, :, 1] = 0.0
    images[:, 0, 2] = images[:, 1, 2]  # ties between channels
    theirs = torch.stack([functional.adjust_hue(x, f) for x, f in zip(images, factor.tolist(), strict=True)])
    torch.testing.assert_close(colour.adjust_hue(images, factor), theirs, atol=2e-6, rtol=0)


@pytest.mark.parametrize("floating", [False, True])
@pytest.mark.parametrize("dimension", [2, 3])
def test_flip_equals_torchvision(functional, floating, dimension):
    images = make_images(width=9)
    images = geometry.as_float(images) if floating else images
    mirrored = torch.arange(16) % 3 == 0
    flipped = geometry.flip(images, mirrored, dimension)
    mirror = functional.horizontal_flip if dimension == 3 else functional.vertical_flip
    theirs = torch.stack([mirror(x) if m else x for x, m in zip(images, mirrored, strict=True)])
    assert flipped.dtype == images.dtype
    assert torch.equal(flipped, theirs)


@pytest.mark.parametrize("mode", ["reflect", "zero"])
def test_crop_equals_torchvision(functional, mode):
    images, padding = make_images(width=10), 3
    top, left = torch.arange(16) % 7, (torch.arange(16) * 5) % 7
    ours = geometry.crop(images, top, left, padding, mode)
    padded = functional.pad(images, [padding], padding_mode="reflect" if mode == "reflect" else "constant")
    windows = zip(padded, top.tolist(), left.tolist(), strict=True)
    theirs = torch.stack([functional.crop(x, t, c, 12, 10) for x, t, c in windows])
    assert ours.dtype == torch.uint8
    assert torch.equal(ours, theirs)


def test_resized_crop_equals_torchvision(functional):
    images = geometry.as_float(make_images(num=64, size=12, width=20))
    top, left, height, width = ResizedCrop((0.05, 1.0), (0.4, 2.5)).draw_boxes(images, generator())
    ours = geometry.resized_crop(images, top, left, height, width)
    boxes = zip(*(value.int().tolist() for value in (top, left, height, width)), strict=True)
    theirs = [
        functional.resized_crop(x, *box, size=[12, 20], antialias=False) for x, box in zip(images, boxes, strict=True)
    ]
    torch.testing.assert_close(ours, torch.stack(theirs), atol=2e-5, rtol=0)


@pytest.mark.parametrize("width", [12, 19])
def test_rotate_equals_torchvision(functional, width):
    from torchvision.transforms import InterpolationMode

    images, degrees = geometry.as_float(make_images(width=width)), torch.linspace(-180, 180, 16)
    ours = geometry.rotate(images, degrees, "zero")
    theirs = [
        functional.rotate(x, angle, interpolation=InterpolationMode.BILINEAR)
        for x, angle in zip(images, degrees.tolist(), strict=True)
    ]
    torch.testing.assert_close(ours, torch.stack(theirs), atol=2e-5, rtol=0)


def test_a_quarter_turn_is_counter_clockwise_and_mirrors_see_no_zeros():
    images = geometry.as_float(make_images(4))
    turned = geometry.rotate(images, torch.full((4,), 90.0), "reflect")
    torch.testing.assert_close(turned, images.rot90(1, (2, 3)), atol=1e-5, rtol=0)
    white = geometry.rotate(torch.ones(3, 1, 12, 19), torch.tensor([17.0, 45.0, 133.0]), "reflect")
    torch.testing.assert_close(white, torch.ones_like(white))


# --- what is drawn


def test_rotations_are_even_within_their_limits():
    """A point right of the centre lands on an arc: its angle tells what was drawn."""
    images = torch.zeros(2000, 1, 81, 81)
    images[:, :, 40, 70] = 1.0
    turned = Rotate(degrees=30.0, mode="zero")(images, generator())[:, 0]
    y, x = torch.meshgrid(*(torch.arange(81.0) - 40,) * 2, indexing="ij")
    angles = torch.rad2deg(torch.atan2(-(turned * y).sum((1, 2)), (turned * x).sum((1, 2))))
    assert angles.abs().max() <= 30.5
    # of an even distribution on ±30: mean 0, variance 60² / 12, to four standard errors
    assert abs(angles.mean()) < 4 * 17.3 / 2000**0.5
    assert abs(angles.std() - 60 / 12**0.5) < 0.8


def test_noise_on_features_and_signals_is_not_cut():
    for shape in ((4000, 3), (400, 2, 15)):
        X = torch.full(shape, 5.0)
        noisy = Noise(2.0)(X, generator())
        assert abs(noisy.mean() - 5) < 4 * 2 / noisy.numel() ** 0.5
        assert abs(noisy.std() - 2) < 4 * 2 / (2 * noisy.numel()) ** 0.5
        assert noisy.max() > 8
        assert torch.equal(noisy, Noise(2.0)(X, generator()))


@pytest.mark.parametrize("kind", [Flip, VerticalFlip])
@pytest.mark.parametrize("p", [0.0, 0.3, 1.0])
def test_flip_rate(kind, p):
    images = torch.zeros(4000, 1, 2, 2, dtype=torch.uint8)
    images[:, :, 0, 0] = 1
    rate = (kind(p)(images, generator())[:, 0, 0, 0] == 0).double().mean().item()
    assert abs(rate - p) <= 4 * math.sqrt(p * (1 - p) / 4000)  # four standard errors


def test_every_shift_is_equally_likely():
    images = torch.zeros(9000, 1, 5, 5, dtype=torch.uint8)
    images[:, 0, 2, 2] = 1
    places = Crop(padding=1, mode="zero")(images, generator()).flatten(1).int().argmax(1)
    counts = torch.bincount(places, minlength=25).view(5, 5)
    assert counts.sum() == counts[1:4, 1:4].sum()
    assert (counts[1:4, 1:4] - 1000).abs().max() < 4.5 * math.sqrt(9000 * (1 / 9) * (8 / 9))


@given(
    size=st.tuples(st.integers(4, 40), st.integers(4, 40)),
    area=st.tuples(st.floats(0.05, 1), st.floats(0.05, 1)),
    ratio=st.tuples(st.floats(0.2, 5), st.floats(0.2, 5)),
)
@settings(max_examples=60, deadline=None)
def test_boxes_lie_in_the_image_and_in_their_ranges(size, area, ratio):
    rows, columns = size
    change = ResizedCrop(tuple(sorted(area)), tuple(sorted(ratio)))
    top, left, height, width = change.draw_boxes(torch.zeros(50, 1, rows, columns), generator())
    assert (top >= 0).all()
    assert (left >= 0).all()
    assert (height >= 1).all()
    assert (width >= 1).all()
    assert (top + height <= rows).all()
    assert (left + width <= columns).all()


def test_box_areas_spread_over_their_range():
    images = torch.zeros(3000, 1, 64, 64)
    _, _, height, width = ResizedCrop((0.25, 0.75), (1.0, 1.0)).draw_boxes(images, generator())
    share = height * width / 64**2
    assert 0.23 < share.min() < 0.27
    assert 0.73 < share.max() < 0.77
    assert abs(share.mean() - 0.5) < 0.02
    assert torch.equal(height, width)


def test_a_box_that_cannot_fit_becomes_the_largest_of_its_shape():
    # three times as wide as high and nearly full: no such box fits a square
    top, left, height, width = ResizedCrop((0.99, 1.0), (3.0, 3.0)).draw_boxes(torch.zeros(4, 1, 30, 30), generator())
    assert (top[0], left[0], height[0], width[0]) == (10, 0, 10, 30)


def test_cutout_blackens_at_most_its_square():
    images = torch.full((500, 3, 20, 20), 7, dtype=torch.uint8)
    black = (Cutout(6)(images, generator()) == 0).sum((1, 2, 3))
    assert black.max() == 3 * 36
    assert black.min() >= 3 * 9  # centred on a corner, a quarter remains inside
    assert black.unique().numel() > 5


def test_noise_has_its_standard_deviation():
    images = torch.full((20, 1, 50, 50), 0.5)
    difference = Noise(0.05)(images, generator()) - images
    assert abs(difference.std().item() - 0.05) < 0.002
    assert abs(difference.mean().item()) < 0.002
    clipped = Noise(2.0)(images, generator())
    assert clipped.min() == 0.0
    assert clipped.max() == 1.0


def test_jitter_draws_each_image_its_own_factor():
    images = torch.full((2000, 1, 2, 2), 0.5)
    factor = Jitter(brightness=0.4)(images, generator())[:, 0, 0, 0] / 0.5
    assert 0.6 <= factor.min() < 0.62
    assert 1.38 < factor.max() <= 1.4
    assert abs(factor.mean() - 1) < 0.02


# --- contract of every change

CHANGES = "flip,vflip,crop:padding=2,resized_crop,rotate,cutout,noise"
EVERY = f"{CHANGES},jitter:brightness=0.2:contrast=0.2:saturation=0.2:hue=0.1"


@pytest.mark.parametrize("step", make_augmentation(EVERY).steps + (make_augmentation(EVERY),), ids=repr)
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32, torch.bfloat16])
def test_contract(step, dtype):
    images = make_images(8)
    images = images if dtype == torch.uint8 else geometry.as_float(images).to(dtype)
    before, state = images.clone(), torch.get_rng_state()
    first, again, other = step(images, generator(1)), step(images, generator(1)), step(images, generator(2))
    assert torch.equal(images, before), "the input was written to"
    assert torch.equal(torch.get_rng_state(), state), "the global generator was used"
    assert first.shape == images.shape
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert first.is_contiguous()
    if dtype == torch.uint8:
        keeps = isinstance(step, (Flip, VerticalFlip, Crop, Cutout))
        assert first.dtype == (torch.uint8 if keeps else torch.float32)
    else:
        assert first.dtype == dtype
    if first.is_floating_point():
        assert first.min() >= 0
        assert first.max() <= 1


def test_a_last_batch_of_one_works():
    assert make_augmentation(EVERY)(make_images(1), generator()).shape == (1, 3, 12, 12)


# --- the description


def test_make_augmentation_reads_names_and_parameters():
    assert make_augmentation("flip , crop:padding=2,jitter:brightness=0.2,hue=0.1,cutout:size=6,noise:std=1e-2") == (
        Compose((Flip(), Crop(2), Jitter(brightness=0.2, hue=0.1), Cutout(6), Noise(0.01)))
    )
    assert make_augmentation("resized_crop:area=0.5..1:ratio=0.8..1.25") == Compose(
        (ResizedCrop((0.5, 1.0), (0.8, 1.25)),)
    )
    assert make_augmentation("crop:mode=zero") == Compose((Crop(4, "zero"),))
    assert make_augmentation("") is make_augmentation(None) is make_augmentation("none") is None


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("flop", "unknown augmentation 'flop'; did you mean 'flip'?"),
        ("crop:pading=2", "did you mean 'padding'?"),
        ("crop:padding=two", "crop:padding=two: the value must be a whole number"),
        ("crop:padding=0", "at least 1"),
        ("crop:mode=mirror", "'reflect' or 'zero'"),
        ("flip:p=2", "p=2.0 is not a probability"),
        ("flip:p=nan", "not a probability"),
        ("noise:std=-1", "above 0"),
        ("jitter", "at least one of"),
        ("rotate:degrees=200", "above 0 and at most 180"),
        ("rotate:mode=wrap", "'reflect' or 'zero'"),
        ("jitter:hue=0.7", "at most 0.5"),
        ("resized_crop:area=0.5", "a range such as 0.5..1"),
        ("resized_crop:area=0.9..0.5", "must be a range"),
        ("padding=2", "unknown augmentation"),
    ],
)
def test_a_bad_description_is_explained(spec, message):
    with pytest.raises(UsageError, match=message.replace("?", r"\?")) as caught:
        make_augmentation(spec)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("spec", "shape", "message"),
    [
        ("jitter:hue=0.1", (1, 28, 28), "3 colour channels"),
        ("jitter:saturation=0.1", (13, 28, 28), "3 colour channels, these have 13"),
        ("crop:padding=8", (1, 8, 8), "at most 7"),
        ("cutout:size=9", (1, 8, 8), "at most 8"),
        ("flip", (5,), "images"),
    ],
)
def test_what_makes_no_sense_for_the_images_is_refused_before_and_during(spec, shape, message):
    augmentation = make_augmentation(spec)
    with pytest.raises(UsageError, match=message):
        augmentation.check(shape)
    with pytest.raises(UsageError, match=message):
        augmentation(torch.zeros(2, *shape, dtype=torch.uint8), generator())


def test_all_changes_are_documented():
    assert all(kind.__doc__ and len(kind.__doc__) > 40 for kind in AUGMENTATIONS.values())
