import inspect
import subprocess
import sys

import numpy as np
import pytest

from fathom.data.sources import catalog, cifar10, digits, idx, synthetic
from fathom.errors import UsageError

ALL = ["digits", "mnist", "fashion_mnist", "cifar10", "synthetic_regression", "time_machine"]


@pytest.fixture(autouse=True)
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FATHOM_HOME", str(tmp_path / "home"))


def test_sample_names():
    assert catalog.names() == ALL


@pytest.mark.parametrize("name", ALL)
def test_descriptions_are_complete(name, monkeypatch):
    monkeypatch.delenv("FATHOM_DATA", raising=False)
    entry = catalog.describe(name)
    assert entry.name == name
    assert entry.title
    assert entry.licence
    assert entry.source
    assert entry.train_size > 0
    assert entry.test_size > 0
    assert (entry.task == "classification") == bool(entry.class_names)
    assert all(url.startswith("https://") for url in entry.urls)
    assert all(sum_.startswith(("md5:", "sha256:")) for sum_ in entry.checksums.values())
    if name in ("mnist", "fashion_mnist", "cifar10", "time_machine"):
        assert entry.found is None
        assert catalog.check(name) == "absent"
        assert entry.urls
        assert entry.checksums


@pytest.mark.parametrize("name", ["digits", "synthetic_regression", "mnist", "fashion_mnist"])
def test_what_is_described_is_what_is_loaded(name, request):
    if name.endswith("mnist"):
        request.getfixturevalue("shared_data")
    entry, arrays = catalog.describe(name), catalog.load_arrays(name)
    assert arrays.train_images.shape == (entry.train_size, *entry.shape)
    assert arrays.test_images.shape == (entry.test_size, *entry.shape)
    assert arrays.class_names == entry.class_names
    assert catalog.check(name) == ("made" if name == "synthetic_regression" else "ok")


@pytest.mark.parametrize(
    ("name", "load"),
    [
        ("digits", digits.load),
        ("mnist", idx.load),
        ("fashion_mnist", idx.load),
        ("cifar10", cifar10.load),
        ("synthetic_regression", synthetic.load),
    ],
)
def test_options_are_those_of_the_source(name, load):
    assert list(catalog.describe(name).options) == [p for p in inspect.signature(load).parameters if p != "name"]


def test_options_reach_the_source():
    assert catalog.load_arrays("digits", size=16).train_images.shape[2:] == (16, 16)
    arrays = catalog.load_arrays("synthetic_regression", w=[1.0, 2.0, 3.0], b=0.0, noise=0.0, n=10)
    assert np.allclose(arrays.train_images @ np.float32([[1], [2], [3]]), arrays.train_labels, atol=1e-5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: catalog.describe("fashionmnist"), "unknown data set 'fashionmnist'; did you mean 'fashion_mnist'"),
        (lambda: catalog.load_arrays("cifar"), "did you mean 'cifar10'"),
        (lambda: catalog.check("digts"), "did you mean 'digits'"),
        (
            lambda: catalog.load_arrays("digits", sise=28),
            "unknown option of data set digits 'sise'; did you mean 'size'",
        ),
    ],
)
def test_unknown_names_get_a_suggestion(call, message):
    with pytest.raises(UsageError, match=message):
        call()


def test_torch_is_never_imported():
    script = (
        "import sys; from fathom.data.sources import catalog; assert 'numpy' not in sys.modules\n"
        "for name in catalog.names(): catalog.describe(name); catalog.check(name)\n"
        "catalog.load_arrays('digits'); from fathom.data import arrays; from fathom.data.splits import split\n"
        "from fathom.data.fetch import download, archives, paths\n"
        "print(sorted({'torch', 'sklearn', 'PIL', 'pandas', 'matplotlib', 'rich', 'filelock'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
