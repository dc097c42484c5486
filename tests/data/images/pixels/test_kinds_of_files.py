"""Every kind of deep file against the array that was written into it; what cannot be read is named."""

import io

import imagecodecs
import numpy as np
import pytest
import tifffile
import torch
from PIL import Image, ImageOps

from fathom.data.images.decode import ImageReader, read_image, read_pixels
from fathom.data.images.pixels.form import PixelForm
from fathom.data.images.pixels.header import read_header
from fathom.data.images.pixels.layout import find_layout, turn_upright
from fathom.errors import FathomError

RNG = np.random.default_rng(0)
H, W = 40, 50
MULTI = {"photometric": "minisblack", "planarconfig": "contig"}


def draw(dtype, *shape):
    """Random values over the whole range of a type."""
    dtype = np.dtype(dtype)
    if dtype.kind == "f":
        return RNG.normal(100, 50, shape).astype(dtype)
    info = np.iinfo(dtype)
    return RNG.integers(info.min, info.max, shape, dtype=dtype, endpoint=True)


def tiff(array, **options):
    file = io.BytesIO()
    tifffile.imwrite(file, array, **options)
    return file.getvalue()


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


PLANES = draw("u2", 13, H, W)
FILES = {
    "grey.png": (a := draw("u2", H, W), imagecodecs.png_encode(a)),
    "colour.png": (a := draw("u2", H, W, 3), imagecodecs.png_encode(a)),
    "grey.tif": (a := draw("u2", H, W), tiff(a)),
    "big_endian.tif": (a := draw("u2", H, W), tiff(a, byteorder=">")),
    "lzw.tif": (a := draw("u2", H, W), tiff(a, compression="lzw", predictor=2)),
    "bigtiff.tif": (a := draw("f4", H, W), tiff(a, bigtiff=True)),
    "colour.tif": (a := draw("u2", H, W, 3), tiff(a, photometric="rgb")),
    "signed8.tif": (a := draw("i1", H, W), tiff(a)),
    "signed16.tif": (a := draw("i2", H, W), tiff(a)),
    "signed32.tif": (a := draw("i4", H, W), tiff(a)),
    "unsigned32.tif": (a := draw("u4", H, W), tiff(a)),
    "half.tif": (a := draw("f2", H, W), tiff(a)),
    "single.tif": (a := draw("f4", H, W), tiff(a, compression="zlib", predictor=3)),
    "double.tif": (a := draw("f8", H, W), tiff(a)),
    "bands.tif": (a := draw("u2", H, W, 13), tiff(a, **MULTI)),
    "bands_lzw.tif": (a := draw("u2", H, W, 13), tiff(a, **MULTI, compression="lzw")),
    "bands_tiled.tif": (a := draw("f4", H, W, 13), tiff(a, **MULTI, compression="zlib", tile=(16, 16))),
    "bands_apart.tif": (PLANES.transpose(1, 2, 0), tiff(PLANES, photometric="minisblack", planarconfig="separate")),
    "bands_as_pages.tif": (PLANES.transpose(1, 2, 0), tiff(PLANES, photometric="minisblack")),
    "bands_8_bits.tif": (a := draw("u1", H, W, 5), tiff(a, **MULTI)),
    "near_infrared.tif": (a := draw("u1", H, W, 4), tiff(a, photometric="rgb", extrasamples=[0])),
    "signed_pair.tif": (a := draw("i2", H, W, 2), tiff(a, **MULTI)),
    "bytes.npy": (a := draw("u1", H, W), npy(a)),
    "sixteen.npy": (a := draw("u2", H, W, 13), npy(a)),
    "signed.npy": (a := draw("i2", H, W, 3), npy(a)),
    "first.npy": (PLANES.transpose(1, 2, 0), npy(PLANES)),
    "double.npy": (a := draw("f8", H, W), npy(np.asfortranarray(a))),
    "big_endian.npy": (a := draw("f4", H, W), npy(a.astype(">f4"))),
    "grey.pgm": (a := draw("u2", H, W), b"P5\n%d %d\n65535\n" % (W, H) + a.astype(">u2").tobytes()),
}
VALUES = {("u", 1): "uint8", ("u", 2): "uint16", ("f", 2): "float", ("f", 4): "float", ("f", 8): "float"}


@pytest.mark.parametrize("name", FILES)
def test_values_are_those_that_were_written(name, tmp_path):
    array, content = FILES[name]
    (tmp_path / name).write_bytes(content)
    expected = array.reshape(H, W, -1).transpose(2, 0, 1)  # (C, H, W)
    header = read_header(tmp_path / name)
    assert (header.size, header.channels) == ((H, W), len(expected))
    assert header.values == VALUES.get((array.dtype.kind, array.dtype.itemsize), "integer")
    form = PixelForm(len(expected), None, header.values, converts=False)
    for source in (tmp_path / name, content):
        pixels = read_pixels(source, form)
        assert pixels.dtype == form.dtype
        assert np.array_equal(pixels, expected.astype(form.dtype))
    with pytest.raises(FathomError, match=f"holds .*, not .* as the others|has {len(expected)} channels"):
        read_pixels(content, PixelForm(7, None, "float" if header.values == "uint8" else "uint8", converts=False))


@pytest.mark.parametrize("channels", [2, 4])
def test_sixteen_bit_colours_lie_over_white(channels):
    pixels = draw("u2", H, W, channels)
    colours, share = pixels[..., :-1].astype(float), pixels[..., -1:] / 65535
    expected = (colours * share + 65535 * (1 - share)).round().transpose(2, 0, 1)
    ours = read_pixels(imagecodecs.png_encode(pixels), PixelForm(channels - 1, None, "uint16", converts=False))
    assert abs(ours.astype(float) - expected).max() <= 1


def test_resizing_keeps_precision_and_missing_values_have_no_part():
    values = draw("f4", 1, 37, 53)
    ours = read_pixels(npy(values[0]), PixelForm(1, (16, 20), "float"))
    theirs = torch.nn.functional.interpolate(
        torch.from_numpy(values)[None], (16, 20), mode="bilinear", antialias=True, align_corners=False
    )
    np.testing.assert_allclose(ours, theirs[0], rtol=1e-5)
    flat = np.full((36, 36), 7.25, np.float32)
    flat[RNG.random((36, 36)) < 0.4] = np.nan
    flat[0, 0], flat[18:, 18:] = np.inf, np.nan
    ours = read_pixels(npy(flat), PixelForm(1, (6, 6), "float"))[0]
    assert np.isnan(ours[4:, 4:]).all()
    np.testing.assert_allclose(ours[:3], 7.25, rtol=1e-6)


def test_a_window_clips_and_full_ranges_are_converted_where_asked_for():
    values = np.array([[-2000, -1000, 0, 400, 3000]], np.int16)
    assert read_pixels(npy(values), PixelForm(1, None, "integer", window=(-1000, 400))).tolist() == [
        [[-1000, -1000, 0, 400, 400]]
    ]
    grey = np.array([[0, 1, 128, 255]], np.uint8)
    assert (read_pixels(npy(grey), PixelForm(1, None, "uint16"))[0] == grey * 257.0).all()
    assert (read_pixels(npy(grey * np.uint16(257)), PixelForm(1))[0] == grey).all()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_deep_images_are_turned_as_pillow_turns_them(orientation):
    pixels = draw("u2", 6, 9, 1)
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    Image.fromarray(pixels[..., 0]).save(file, "png", exif=exif)
    theirs = np.asarray(ImageOps.exif_transpose(Image.open(file)))
    for content in (file.getvalue(), tiff(pixels[..., 0], extratags=[(274, 3, 1, orientation, True)])):
        decoded = ImageReader(PixelForm(1, None, "uint16", converts=False)).read(content)
        assert np.array_equal(decoded.pixels[0], theirs)
        assert decoded.size == theirs.shape
    assert np.array_equal(turn_upright(pixels, orientation)[..., 0], theirs)
    bands = draw("u2", 6, 9, 5)
    ours = read_pixels(
        tiff(bands, **MULTI, extratags=[(274, 3, 1, orientation, True)]), PixelForm(5, None, "uint16", converts=False)
    )
    assert np.array_equal(ours, turn_upright(bands, orientation).transpose(2, 0, 1))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (npy(np.array([{}], dtype=object)), "holds Python objects"),
        (npy(np.zeros((4, 4), complex)), "holds values of type complex128"),
        (npy(np.zeros((2, 3, 4, 5))), "holds an array of 2×3×4×5"),
        (npy(np.zeros((40, 50, 60))), "of which no end has the 32 channels"),
        (npy(np.zeros((12, 30, 13))), "data.options.layout=chw or hwc"),
        (npy(np.zeros((40, 50)))[:200], "is damaged or truncated"),
        (tiff(draw("u2", H, W, 13), **MULTI)[:2000], "is damaged or truncated|not an image"),
        (bytes(128) + b"DICM" + bytes(99), "is a DICOM file, which is not read; save its values"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "is a HEIC image, which is not read; save it as JPEG"),
    ],
)
def test_what_is_not_read_is_one_line(content, message, capfd):
    with pytest.raises(FathomError, match=message) as caught:
        read_pixels(content, PixelForm(1, None, "float"))
    assert str(caught.value).startswith("the image (")
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("form", [PixelForm(1, None, "uint16"), PixelForm(1)])
def test_libtiff_writes_nothing_of_its_own(form, capfd):
    content = bytearray(tiff(draw("u2", 64, 64), compression="lzw", rowsperstrip=8))
    for place in range(300, len(content), 40):
        content[place] ^= 0x5A
    with pytest.raises(FathomError, match="is damaged or truncated"):
        read_pixels(bytes(content), form)
    assert capfd.readouterr() == ("", "")


def test_a_missing_library_is_named(monkeypatch):
    from fathom.data.images.pixels import tiff as module

    monkeypatch.setattr(module.importlib, "import_module", lambda name: (_ for _ in ()).throw(ImportError(name)))
    with pytest.raises(FathomError, match=r"^a TIFF of many bands.* needs tifffile .*pip install"):
        read_pixels(FILES["bands.tif"][1], PixelForm(13, None, "uint16"))
    assert read_pixels(FILES["signed16.tif"][1], PixelForm(1, None, "integer")).shape == (1, H, W)


def test_what_was_read_as_bytes_still_is():
    """Colours of 16 bits and more than three bands, as Pillow gives them."""
    for name in ("colour.png", "near_infrared.tif"):
        theirs = np.asarray(Image.open(io.BytesIO(FILES[name][1])).convert("RGB"))
        assert np.array_equal(read_image(FILES[name][1], 3), theirs.transpose(2, 0, 1))


@pytest.mark.parametrize(
    ("shape", "layout"),
    [
        ((13, 64, 64), "chw"),
        ((64, 64, 13), "hwc"),
        ((3, 20, 20), "chw"),
        ((20, 20, 3), "hwc"),
        ((3, 28, 32), "chw"),
        ((12, 30, 13), "either"),
        ((8, 8, 8), "either"),
        ((40, 50, 60), None),
    ],
)
def test_channels_are_found_by_the_shape(shape, layout):
    assert find_layout(shape) == layout
