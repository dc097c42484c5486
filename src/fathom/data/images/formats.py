"""Which files are images. Loads without anything heavy."""

from __future__ import annotations

import os

# Only these decoders of Pillow are tried: the others hand files to outside programs (EPS), need a library that is not
# there (HDF5, GRIB, WMF), or read what no camera, scanner or program of today writes. TGA has no signature: the last.
FORMATS = ("JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF", "PPM", "AVIF", "JPEG2000", "ICO", "PCX", "QOI", "SGI", "TGA")
SUFFIXES = {
    "JPEG": (".jpg", ".jpeg", ".jfif", ".jpe"),
    "MPO": (".jpg", ".jpeg", ".mpo"),
    "PNG": (".png", ".apng"),
    "BMP": (".bmp",),
    "GIF": (".gif",),
    "WEBP": (".webp",),
    "TIFF": (".tif", ".tiff"),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm"),
    "AVIF": (".avif",),
    "JPEG2000": (".jp2", ".j2k", ".jpc", ".jpx"),
    "ICO": (".ico",),
    "PCX": (".pcx",),
    "QOI": (".qoi",),
    "SGI": (".sgi",),
    "TGA": (".tga",),
}
EXTENSIONS = frozenset(suffix for kind in FORMATS for suffix in SUFFIXES[kind])


def is_image(name: str) -> bool:
    """Whether a file is an image by its name; hidden ones are not."""
    return os.path.splitext(name)[1].lower() in EXTENSIONS and not name.startswith(".")


def has_foreign_suffix(path: str, kind: str) -> bool:
    """Whether a file's name says another format than its content has."""
    return os.path.splitext(path)[1].lower() not in SUFFIXES.get(kind, ())
