"""What ``fathom predict`` reads of a folder: what training reads of one, and never a pipe or a device."""

import os
from collections import Counter

import pytest
from PIL import Image

from fathom.data.images.folders.walk import describe_strays
from fathom.data.images.pixels.form import PixelForm
from fathom.errors import FathomError
from fathom.inference.image_inputs import InputImage, find_inputs, list_images


def test_thumbnails_masks_and_special_files_of_a_folder_are_passed_over(tmp_path):
    kept = ["b/images/1.png", "b/z.png", "c.png"]
    for name in (*kept, "b/masks/1.png", "@eaDir/c.png/small.png", "thumbs/c.png", "c_mask.png", ".hidden/c.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (2, 2)).save(tmp_path / name)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.png")
        (tmp_path / "zero.png").symlink_to("/dev/zero")
        (tmp_path / "above").symlink_to(tmp_path)
    strays: Counter[str] = Counter()
    listed = list(list_images(find_inputs([tmp_path], None, ("a",)), strays))
    assert [os.path.relpath(image.place, tmp_path) for image in listed] == kept
    notes = describe_strays(strays)
    assert "skipped: 3 folders of thumbnails or masks" in notes
    assert "skipped: 1 image named as masks or thumbnails of others" in notes


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no such files there")
def test_a_pipe_that_is_named_is_not_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")  # opening it would wait for ever
    with pytest.raises(FathomError, match="it is a pipe or device, not a file"):
        InputImage("pipe.png", tmp_path / "pipe.png").read(PixelForm(3, (2, 2)))
