"""The picture formats that are read, and the suffixes of their files. Loads nothing."""

from __future__ import annotations

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
