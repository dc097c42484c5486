"""Colours of more than 8 bits, in formats of which Pillow keeps 8."""

import sys

import imagecodecs
import numpy as np
import pytest

from fathom.data.images.decode import read_image, read_pixels
from fathom.data.images.form import choose_form
from fathom.data.images.options import ImageOptions
from fathom.data.images.pixels.form import PixelForm
from fathom.data.images.pixels.header import read_header
from fathom.errors import FathomError

COLOURS = np.linspace(0, 65535, 24 * 16 * 3).reshape(24, 16, 3).astype(np.uint16)


def write(path, bits):
    """Write the colours with so many bits; return them on the full range of 16."""
    values = COLOURS >> (16 - bits)
    kind, _, ending = path.name.rpartition(".")
    if ending == "jp2":
        content = imagecodecs.jpeg2k_encode(values, level=0, bitspersample=bits, reversible=True)
    elif ending == "avif":
        content = imagecodecs.avif_encode(values, level=100, bitspersample=bits, pixelformat="444")
    elif ending == "sgi":
        header = np.array([474, 2, 3, 16, 24, 3], ">u2").tobytes()
        content = header.ljust(512, b"\0") + values[::-1].transpose(2, 0, 1).astype(">u2").tobytes()
    elif kind == "plain":
        content = f"P3\n16 24 # drawn\n{(1 << bits) - 1}\n{' '.join(map(str, values.ravel()))}\n".encode()
    else:
        content = b"P6\n# drawn\n16 24\n%d\n" % ((1 << bits) - 1) + values.astype(">u2").tobytes()
    path.write_bytes(content)
    return values * (65535 / ((1 << bits) - 1))


FILES = [("a.ppm", 16), ("a.ppm", 10), ("plain.ppm", 16), ("a.sgi", 16), ("a.jp2", 10), ("a.jp2", 16), ("a.avif", 10)]


@pytest.mark.parametrize(("name", "bits"), [*FILES, ("a.avif", 12)])
def test_all_bits_are_kept(tmp_path, name, bits):
    expected = write(tmp_path / name, bits)
    header = read_header(tmp_path / name)
    assert (header.values, header.channels, header.size) == ("uint16", 3, (24, 16))
    for source in (tmp_path / name, (tmp_path / name).read_bytes()):
        pixels = read_pixels(source, PixelForm(3, (24, 16), "uint16"))
        assert np.abs(pixels.transpose(1, 2, 0) - expected).max() <= 0.5
    assert np.abs(read_image(tmp_path / name, 3).transpose(1, 2, 0) - expected / 257).max() <= 1  # Pillow's 8


@pytest.mark.parametrize("name", ["a.ppm", "plain.ppm", "a.sgi"])
def test_pixels_that_end_early_are_named(tmp_path, name):
    write(tmp_path / name, 16)
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:-40])
    with pytest.raises(FathomError, match=f"{name} is damaged or truncated"):
        read_pixels(tmp_path / name, PixelForm(3, (24, 16), "uint16"))


def test_a_missing_library_is_named(tmp_path, monkeypatch):
    write(tmp_path / "a.avif", 10)
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    with pytest.raises(FathomError, match=r"AVIF of more than 8 bits .* needs imagecodecs"):
        choose_form([str(tmp_path / "a.avif")], 0, ImageOptions())
    form = choose_form([str(tmp_path / "a.avif")], 0, ImageOptions(values="uint8", converts=True))
    assert read_pixels(tmp_path / "a.avif", form).dtype == np.uint8
