"""The short way to the pixels of an ordinary JPEG: of a small one, most of Pillow's time goes into its header."""

from __future__ import annotations

from PIL import Image

_FRAMES = (0xC0, 0xC1, 0xC2)  # baseline, extended and progressive, all with Huffman coding
_NOT_PLAIN = (0xE1, 0xEE)  # Exif and XMP, which may turn the image; Adobe's mark of other colours
_MODES = {1: "L", 3: "RGB"}


def decode_plain_jpeg(
    content: bytes, most_pixels: int, largest_side: int | None, canvas: Image.Image | None = None
) -> Image.Image | None:
    """Decode a JPEG that is grey or YCbCr, with 8 bits and nothing in its header that Pillow would act on.

    The decoder is Pillow's own, and the pixels are those of ``Image.open``. None stands for everything else, damaged
    files among it, for which ``Image.open`` knows what to do and to say.

    Args:
        largest_side: a larger image is left to ``Image.open``, which can decode at a smaller scale.
        canvas: an image of no more use; of the same size it is painted over and given back.
    """
    form = _find_form(content)
    if form is None:
        return None
    mode, width, height = form
    if width * height > most_pixels or (largest_side is not None and max(width, height) > largest_side):
        return None
    try:
        if canvas is None or canvas.mode != mode or canvas.size != (width, height):
            canvas = Image.new(mode, (width, height))
        canvas.frombytes(content, "jpeg", mode, "")
        return canvas
    except Exception:  # damaged
        return None


def _find_form(content: bytes) -> tuple[str, int, int] | None:
    """Walk over the segments of the header to the one that holds (mode, width, height)."""
    if content[:3] != b"\xff\xd8\xff":
        return None
    place, last = 2, len(content) - 10
    while place <= last and content[place] == 0xFF:
        marker = content[place + 1]
        if marker in _FRAMES:
            mode = _MODES.get(content[place + 9])
            height = (content[place + 5] << 8) | content[place + 6]
            width = (content[place + 7] << 8) | content[place + 8]
            return (mode, width, height) if mode and width and height and content[place + 4] == 8 else None
        if marker in _NOT_PLAIN or not 0xC4 <= marker <= 0xFE:
            return None
        place += 2 + ((content[place + 2] << 8) | content[place + 3])
    return None
