import dataclasses
import gzip
import hashlib
import struct

import numpy as np
import pytest

from fathom.data.sources import idx
from fathom.errors import FathomError, UsageError

IMAGES = np.arange(3 * 4 * 5, dtype=np.uint8).reshape(3, 4, 5)


def encode(array: np.ndarray, rank: int | None = None, kind: int = 8, shape: tuple[int, ...] | None = None) -> bytes:
    head = bytes((0, 0, kind, rank or array.ndim)) + struct.pack(f">{array.ndim}I", *(shape or array.shape))
    return head + array.tobytes()


def described(array: np.ndarray, name: str = "small") -> idx.IdxFile:
    content = encode(array)
    return idx.IdxFile(name, array.shape, hashlib.md5(content).hexdigest(), hashlib.sha256(content).hexdigest())


# --- real data


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_equal_to_torchvision(shared_data, tmp_path, name):
    from torchvision.datasets.mnist import read_image_file, read_label_file

    data = idx.load(name, root=shared_data, download=False)
    assert data.train_images.shape == (60_000, 1, 28, 28)
    assert data.train_labels.shape == (60_000,)
    assert data.train_images.flags.writeable  # torch.from_numpy warns otherwise
    assert np.bincount(data.train_labels).min() > 5000
    assert len(data.class_names) == 10
    for kind in ("images-idx3-ubyte", "labels-idx1-ubyte"):
        zipped = shared_data / idx.SETS[name].folder / "raw" / f"t10k-{kind}.gz"
        (tmp_path / kind).write_bytes(gzip.decompress(zipped.read_bytes()))
    images = read_image_file(str(tmp_path / "images-idx3-ubyte")).numpy()
    labels = read_label_file(str(tmp_path / "labels-idx1-ubyte")).numpy()
    assert (data.test_images.dtype, data.test_labels.dtype) == (images.dtype, labels.dtype)
    assert np.array_equal(data.test_images[:, 0], images)
    assert np.array_equal(data.test_labels, labels)


def test_sha256_and_md5_are_of_the_same_content(shared_data):
    """The published checksum is the MD5; the one that is checked must stand for the same bytes."""
    for entry in idx.SETS.values():
        for file in entry.files:
            content = gzip.decompress((shared_data / entry.folder / "raw" / f"{file.name}.gz").read_bytes())
            assert (file.num_bytes, file.md5, file.sha256) == (
                len(content),
                hashlib.md5(content).hexdigest(),
                hashlib.sha256(content).hexdigest(),
            )


# --- reading


@pytest.mark.parametrize("zipped", [False, True])
def test_reads_raw_and_gzipped(tmp_path, zipped):
    path = tmp_path / "small"
    path.write_bytes(gzip.compress(encode(IMAGES)) if zipped else encode(IMAGES))
    assert np.array_equal(idx.read_idx(path, described(IMAGES)), IMAGES)


RIGHT = encode(IMAGES)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not an IDX file"),
        (b"\0\0\x08", "is not an IDX file"),
        (RIGHT[:10], "is truncated"),
        (RIGHT[:-1], "is truncated"),
        (RIGHT + b"\0", "is too long"),
        (gzip.compress(RIGHT, mtime=0)[:-20], "is truncated"),
        (gzip.compress(RIGHT, mtime=0)[:12], "is truncated"),
        (gzip.compress(RIGHT[:-1], mtime=0), "is truncated"),
        (gzip.compress(RIGHT + bytes(10**6), mtime=0), "is too long"),
        (gzip.compress(RIGHT, mtime=0)[:20] + b"\xff" * 40, "is damaged|is truncated"),
        (b"<html>404 not found</html>", "is not an IDX file"),
        (encode(IMAGES, kind=9), "is not an IDX file"),
        (encode(IMAGES, rank=1), "is not an IDX file"),
        (encode(IMAGES, shape=(4, 4, 5)), "says that it holds 4×4×5 bytes, not 3×4×5"),
        (RIGHT[:-1] + b"\xff", "has the wrong checksum: sha256"),
        (gzip.compress(RIGHT[:-1] + b"\xff", mtime=0), "has the wrong checksum: sha256"),
        (bytes(200_000), "is too long"),
    ],
)
def test_a_wrong_file_is_named_with_the_reason_and_the_cure(tmp_path, content, message):
    path = tmp_path / "small.gz"
    path.write_bytes(content)
    with pytest.raises(FathomError, match=message) as caught:
        idx.read_idx(path, described(IMAGES))
    text = str(caught.value)
    assert str(path) in text
    assert "delete it to download it again" in text
    assert "\n" not in text


def test_a_folder_in_place_of_a_file(tmp_path):
    with pytest.raises(FathomError, match="cannot read"):
        idx.read_idx(tmp_path, described(IMAGES))


# --- finding


@pytest.fixture
def small_sets(monkeypatch, tmp_path):
    """Two sets with the names and layout of the real ones, of three and two images."""

    def entry(folder, offset):
        arrays = [IMAGES + offset, np.uint8([0, 1, 2]), IMAGES[:2] + offset, np.uint8([offset, 1])]
        files = [described(a, f.name) for a, f in zip(arrays, idx.SETS["mnist"].files, strict=True)]
        entry = dataclasses.replace(idx.SETS["mnist"], folder=folder, files=tuple(files), mirrors=())
        return entry, arrays

    sets = {"mnist": entry("MNIST", 1), "fashion_mnist": entry("FashionMNIST", 2)}
    monkeypatch.setattr(idx, "SETS", {name: made for name, (made, _) in sets.items()})
    monkeypatch.setenv("FATHOM_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("FATHOM_DATA", raising=False)

    def write(name, folder, suffix=""):
        folder.mkdir(parents=True, exist_ok=True)
        made, arrays = sets[name]
        for file, array in zip(made.files, arrays, strict=True):
            content = encode(array)
            (folder / f"{file.name}{suffix}").write_bytes(gzip.compress(content) if suffix else content)

    return write


@pytest.mark.parametrize("layout", ["FashionMNIST/raw", "FashionMNIST", "fashion_mnist", "."])
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_layouts(small_sets, tmp_path, monkeypatch, layout, suffix):
    monkeypatch.setenv("FATHOM_DATA", str(tmp_path / "own"))
    small_sets("fashion_mnist", tmp_path / "own" / layout, suffix)
    data = idx.load("fashion_mnist", download=False)
    assert np.array_equal(data.train_images[:, 0], IMAGES + 2)
    assert data.test_labels.tolist() == [2, 1]
    idx.verify("fashion_mnist", idx.locate("fashion_mnist"))


def test_own_folder_before_cache(small_sets, tmp_path, monkeypatch):
    small_sets("mnist", tmp_path / "home" / "data" / "MNIST" / "raw")
    assert idx.locate("mnist") == tmp_path / "home" / "data" / "MNIST" / "raw"
    monkeypatch.setenv("FATHOM_DATA", str(tmp_path / "own"))
    (tmp_path / "own").mkdir()
    assert idx.locate("mnist") == tmp_path / "home" / "data" / "MNIST" / "raw"
    small_sets("mnist", tmp_path / "own" / "MNIST" / "raw", ".gz")
    assert idx.locate("mnist") == tmp_path / "own" / "MNIST" / "raw"


def test_a_flat_folder_of_the_other_set_is_not_mistaken(small_sets, tmp_path):
    small_sets("mnist", tmp_path / "own")
    assert idx.locate("mnist", tmp_path / "own") == tmp_path / "own"
    assert idx.locate("fashion_mnist", tmp_path / "own") is None
    with pytest.raises(FathomError, match=r"fashion_mnist is not in .*own; it needs the files train-images"):
        idx.load("fashion_mnist", root=tmp_path / "own")


def test_an_incomplete_folder_does_not_count(small_sets, tmp_path):
    small_sets("mnist", tmp_path / "own")
    (tmp_path / "own" / "t10k-labels-idx1-ubyte").unlink()
    assert idx.locate("mnist", tmp_path / "own") is None
    with pytest.raises(FathomError, match="t10k-labels-idx1-ubyte is missing"):
        idx.verify("mnist", tmp_path / "own")


def test_absent_files_are_fetched_to_the_cache(small_sets, tmp_path, monkeypatch):
    calls = []

    def fetch(urls, destination, *, checksum, max_bytes, gunzip, progress):
        calls.append((urls, checksum, gunzip))
        name = "fashion_mnist"
        small_sets(name, tmp_path / "server")
        destination.write_bytes((tmp_path / "server" / destination.name).read_bytes())
        assert destination.stat().st_size == max_bytes
        return destination

    monkeypatch.setattr(idx, "fetch", fetch)
    monkeypatch.setitem(
        idx.SETS, "fashion_mnist", dataclasses.replace(idx.SETS["fashion_mnist"], mirrors=("https://a/", "https://b/"))
    )
    data = idx.load("fashion_mnist")
    assert len(data.train_images) == 3
    assert len(calls) == 4
    urls, checksum, gunzip = calls[0]
    assert urls == ["https://a/train-images-idx3-ubyte.gz", "https://b/train-images-idx3-ubyte.gz"]
    assert checksum == f"sha256:{idx.SETS['fashion_mnist'].files[0].sha256}"
    assert gunzip
    idx.load("fashion_mnist")
    assert len(calls) == 4, "what is in the cache is not fetched again"


def test_unknown_name():
    with pytest.raises(UsageError, match="did you mean 'mnist'"):
        idx.load("mnits")


def test_official_addresses_are_https():
    for entry in idx.SETS.values():
        assert entry.mirrors
        assert all(mirror.startswith("https://") and mirror.endswith("/") for mirror in entry.mirrors)
