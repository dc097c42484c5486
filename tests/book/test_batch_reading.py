"""torchvision's Fashion-MNIST under a redirected d2l: in batches, equal to torchvision's own reading to the bit."""

import gc
import importlib
import inspect
import subprocess
import sys

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch.utils.data import DataLoader
from torchvision import datasets, transforms
from torchvision.transforms import InterpolationMode

from fathom.d2l.frame import batch_reading, imports
from fathom.d2l.frame.loaders import ToImages

TO_TENSOR = transforms.ToTensor()


@pytest.fixture
def root(tmp_path):
    """A folder with 41 and 7 images of noise in the place of Fashion-MNIST's."""
    raw = tmp_path / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    for part, num in (("train", 41), ("t10k", 7)):
        for name, shape in (("images-idx3", (num, 28, 28)), ("labels-idx1", (num,))):
            head = bytes((0, 0, 8, len(shape))) + b"".join(size.to_bytes(4, "big") for size in shape)
            values = torch.randint(256 if len(shape) > 1 else 10, shape, dtype=torch.uint8)
            (raw / f"{part}-{name}-ubyte").write_bytes(head + values.numpy().tobytes())
    return tmp_path


@pytest.fixture
def prepared():
    iterate = DataLoader.__iter__
    batch_reading.prepare_torchvision()
    yield
    imports.forget()
    batch_reading.release_torchvision()
    assert not hasattr(datasets.MNIST, "__getitems__")
    assert DataLoader.__iter__ is iterate


def resize(size, **options):
    return transforms.Compose([transforms.Resize(size, **options), TO_TENSOR])


@pytest.fixture
def one_by_one(monkeypatch):
    """Count the images that are read one by one."""
    calls = []
    read = datasets.MNIST.__getitem__
    image = datasets.mnist._Image_fromarray if hasattr(datasets.mnist, "_Image_fromarray") else Image.fromarray
    where = (
        (datasets.mnist, "_Image_fromarray") if hasattr(datasets.mnist, "_Image_fromarray") else (Image, "fromarray")
    )

    def count(*args, **kwargs):
        calls.append(args)
        return image(*args, **kwargs)

    monkeypatch.setattr(*where, count)
    assert datasets.MNIST.__getitem__ is read
    return calls


@pytest.mark.parametrize("transform", [TO_TENSOR, transforms.Compose([TO_TENSOR]), resize(32), resize((64, 28))])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_batches_are_those_of_single_images(root, prepared, one_by_one, transform, dtype):
    torch.set_default_dtype(dtype)
    try:
        clothes = datasets.FashionMNIST(root, transform=transform)
        indices = [3, 0, -1, 3, *range(20)]
        batch = clothes.__getitems__(indices)
        del one_by_one[:]
        again = clothes.__getitems__(indices)
        assert one_by_one == []
        each = [clothes[index] for index in indices]
    finally:
        torch.set_default_dtype(torch.float32)
    for examples in (batch, again):
        assert [(type(example), type(example[1]), example[1]) for example in examples] == [
            (tuple, int, label) for _, label in each
        ]
        assert all(torch.equal(a[0], b[0]) and a[0].dtype == b[0].dtype for a, b in zip(examples, each, strict=True))
    assert batch[0][0].dtype == dtype


@pytest.mark.parametrize("workers", [0, 1])
def test_a_loader_gives_the_same_batches_in_the_same_order(root, request, workers):
    def read():
        clothes = datasets.FashionMNIST(root, transform=resize((32, 32)))
        torch.manual_seed(3)
        loader = DataLoader(clothes, batch_size=8, shuffle=True, num_workers=workers, drop_last=True)
        batches = [batch for _ in range(2) for batch in loader]
        assert (loader.num_workers, len(batches)) == (workers, 10)
        return batches, torch.rand(3)

    plain, state = read()
    request.getfixturevalue("prepared")
    batches, state_after = read()
    for (X, y), (X_plain, y_plain) in zip(batches, plain, strict=True):
        assert torch.equal(X, X_plain)
        assert torch.equal(y, y_plain)
        assert (X.dtype, y.dtype) == (X_plain.dtype, y_plain.dtype)
    assert torch.equal(state, state_after)


class Moved(datasets.FashionMNIST):
    """A set of another name in the same folder."""

    @property
    def raw_folder(self):
        return str(self.root / "FashionMNIST" / "raw")


class Brighter(Moved):
    """One that changes what an image is."""

    def __getitem__(self, index):
        image, label = super().__getitem__(index)
        return image + 1, label


class Shorter(Moved):
    """One that leaves the images as they are."""

    def __len__(self):
        return 4


def test_a_class_that_reads_in_another_way_does_so(root, prepared, one_by_one):
    brighter = Brighter(root, transform=TO_TENSOR)
    ((image, _),) = brighter.__getitems__([2])
    assert torch.equal(image, TO_TENSOR(Image.fromarray(brighter.data[2].numpy())) + 1)
    del one_by_one[:]
    next(iter(DataLoader(Shorter(root, transform=TO_TENSOR), batch_size=4)))
    assert one_by_one == []


@pytest.mark.parametrize(
    "options",
    [
        {"transform": None},
        {"transform": transforms.Compose([transforms.CenterCrop(20), TO_TENSOR])},
        {"transform": transforms.Compose([TO_TENSOR, transforms.Normalize(0.5, 0.5)])},
        {"transform": resize((20, 45))},
        {"transform": resize((45, 45))},
        {"transform": resize(56, interpolation=InterpolationMode.NEAREST)},
        {"transform": resize(56, max_size=60)},
        {"transform": TO_TENSOR, "target_transform": str},
    ],
)
def test_anything_else_is_read_picture_by_picture(root, prepared, one_by_one, options):
    clothes = datasets.FashionMNIST(root, **options)
    each = [clothes[index] for index in (5, 1)]
    clothes.__getitems__([0])  # how a size comes out is tried once
    del one_by_one[:]
    batch = clothes.__getitems__([5, 1])
    assert len(one_by_one) == 2
    for (image, label), (image_one, label_one) in zip(batch, each, strict=True):
        same = torch.equal(image, image_one) if isinstance(image, torch.Tensor) else image == image_one
        assert same
        assert (label, type(label)) == (label_one, type(label_one))


def test_changed_data_and_odd_indices_are_read_picture_by_picture(root, prepared, one_by_one):
    clothes = datasets.FashionMNIST(root, transform=TO_TENSOR)
    del one_by_one[:]
    (example,) = clothes.__getitems__([torch.tensor(4)])
    assert len(one_by_one) == 1
    assert torch.equal(example[0], clothes[4][0])
    clothes.targets = clothes.targets.float()
    del one_by_one[:]
    assert clothes.__getitems__([4])[0][1] == int(clothes.targets[4])
    assert len(one_by_one) == 1
    with pytest.raises(IndexError):
        clothes.__getitems__([41])


@given(st.integers(1, 120), st.integers(1, 120), st.integers(0, 2**31))
def test_stretching_a_batch_equals_pil_to_two_levels(height, width, seed):
    levels = 255 * (stretch(height, width, seed, ToImages((height, width))) - stretch(height, width, seed))
    assert levels.abs().max() < 2.01


@pytest.mark.parametrize("size", [32, 64, 96, 224])
def test_stretching_to_the_books_sizes_equals_pil_to_the_bit(size):
    assert torch.equal(stretch(size, size, 0, ToImages((size, size))), stretch(size, size, 0))


def stretch(height, width, seed, change=None):
    """Stretch three images of noise by ``change``, or one by one by PIL."""
    images = torch.randint(256, (3, 28, 28), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)
    if change is not None:
        return change(images[:, None])
    return torch.stack([resize((height, width))(Image.fromarray(image.numpy())) for image in images])


# Imports ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def made_up(tmp_path, monkeypatch):
    """Write the modules of a package, and forget them afterwards."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "made_up").mkdir()

    def write(**sources):
        for name, source in sources.items():
            (tmp_path / "made_up" / f"{name}.py").write_text(source)

    yield write
    imports.forget()
    for name in [name for name in sys.modules if name.partition(".")[0] == "made_up"]:
        del sys.modules[name]


def test_a_step_is_taken_after_an_import(made_up):
    made_up(__init__="value = 5\n")
    seen = []
    imports.after_import("made_up", lambda module: seen.append(module.value))
    assert seen == []
    import made_up as package

    assert seen == [5]
    imports.after_import("made_up", lambda module: seen.append(module is package))  # it is loaded: at once
    assert seen == [5, True]


def test_no_garbage_is_collected_during_import_without_gc(made_up):
    made_up(__init__="import gc\ncollects = gc.isenabled()\nclass Thing: pass\n", bad="1 / 0\n")
    for name in ("made_up", "made_up.bad"):
        imports.import_without_gc(name)
    try:
        import made_up as package

        assert (package.collects, gc.isenabled()) == (False, True)
        assert package.Thing not in gc.get_objects()  # not looked at again
        with pytest.raises(ZeroDivisionError):
            importlib.import_module("made_up.bad")
        assert gc.isenabled()
    finally:
        gc.unfreeze()


def test_a_postponed_module_is_loaded_when_a_name_of_it_is_used(made_up):
    made_up(__init__="from made_up import slow\nlog = []\n", slow="import made_up\nmade_up.log.append(1)\nvalue = 5\n")
    imports.postpone("made_up.slow")
    import made_up as package

    assert inspect.getmodule(inspect.currentframe()) is not None  # looks at every module
    assert package.slow.__file__.endswith("slow.py")
    assert package.log == []
    assert package.slow.value == 5
    assert package.log == [1]
    assert inspect.getsource(package.slow).endswith("value = 5\n")
    with pytest.raises(AttributeError, match=r"module 'made_up.slow' has no attribute 'other'"):
        package.slow.other  # noqa: B018
    assert package.log == [1]


def test_postponed_modules_that_need_each_other(made_up):
    made_up(
        __init__="from made_up import a, b\n",
        a="import inspect\ninspect.getmodule(inspect.currentframe())\nfrom made_up import b\nx = 1\ny = b.x + 1\n",
        b="from made_up import a\nx = 10\nlate = hasattr(a, 'y')\n",
    )
    for name in ("made_up.a", "made_up.b"):
        imports.postpone(name)
    from made_up import a, b

    assert "y" in dir(a)
    assert (a.y, b.late) == (11, False)


def test_a_module_put_off_that_fails_says_so_each_time(made_up):
    made_up(__init__="", bad="1 / 0\n")
    imports.postpone("made_up.bad")
    from made_up import bad

    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            bad.x  # noqa: B018


@pytest.mark.slow
def test_torchvisions_networks_are_loaded_when_they_are_used():
    code = (
        "import sys\nfrom fathom.d2l.extension import redirect\nredirect('new')\n"
        "import torchvision\nfrom torchvision import transforms, datasets\n"
        "print('torch._dynamo' in sys.modules, hasattr(datasets.MNIST, '__getitems__'))\n"
        "from torchvision.models import resnet18\nimport torchvision.ops.boxes, torch\n"
        "print(resnet18()(torch.zeros(2, 3, 32, 32)).shape, torchvision.models.vgg11 is not None)\n"
        "print(torchvision.ops.nms(torch.tensor([[0., 0, 1, 1]]), torch.ones(1), 0.5))\n"
    )
    ops_first = code.partition("from torchvision.models")[0] + (
        "import torch\nprint(torchvision.ops.nms(torch.tensor([[0., 0, 1, 1]]), torch.ones(1), 0.5))\n"
        "print(torchvision.models.get_model('efficientnet_b0') is not None)\n"
    )
    done = subprocess.run([sys.executable, "-c", ops_first], capture_output=True, text=True)
    assert done.stdout == "False True\ntensor([0])\nTrue\n", done.stderr
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "False True\ntorch.Size([2, 1000]) True\ntensor([0])\n", done.stderr
