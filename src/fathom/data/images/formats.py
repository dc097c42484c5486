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
    "NPY": (".npy",),
}
NUMPY = "NPY"  # arrays of NumPy, which Pillow does not know
KNOWN = (*FORMATS, NUMPY)
EXTENSIONS = frozenset(suffix for kind in (*KNOWN, "MPO") for suffix in SUFFIXES[kind])

# What is not read, by its suffix, and what to do with it
UNREAD = {
    **dict.fromkeys((".heic", ".heif", ".jxl", ".psd", ".svg", ".eps"), "save them as JPEG or PNG"),
    **dict.fromkeys((".cr2", ".cr3", ".nef", ".arw", ".dng", ".raf", ".rw2"), "develop them to JPEG or TIFF"),
    **dict.fromkeys((".dcm", ".dicom", ".nii", ".mha", ".nrrd"), "save their values as TIFF, 16-bit PNG or .npy"),
    **dict.fromkeys((".npz", ".mat", ".h5", ".hdf5"), "save each image as .npy"),
}
_HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")


def is_image(name: str) -> bool:
    """Whether a file is an image by its name; hidden ones are not."""
    return os.path.splitext(name)[1].lower() in EXTENSIONS and not name.startswith(".")


def has_foreign_suffix(path: str, kind: str) -> bool:
    """Whether a file's name says another format than its content has."""
    return os.path.splitext(path)[1].lower() not in SUFFIXES.get(kind, ())


def explain_foreign(first: bytes) -> str:
    """Say what a file is, by its first 132 bytes, where it is an image of a kind that is not read; else nothing."""
    if first[4:8] == b"ftyp" and first[8:12] in _HEIF_BRANDS:
        return f"is a HEIC image, which is not read; {UNREAD['.heic']}".replace("them", "it")
    if first[128:132] == b"DICM":
        return f"is a DICOM file, which is not read; {UNREAD['.dcm']}".replace("their", "its")
    if first[:4] == b"8BPS":
        return f"is a Photoshop file, which is not read; {UNREAD['.psd']}".replace("them", "it")
    return ""
