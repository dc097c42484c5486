import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from fathom.data.images.decode import read_image
from fathom.data.images.file_dataset import ImageFileDataset
from fathom.data.images.folder_listing import list_image_folder
from fathom.data.images.folders.name_groups import group_by_name
from fathom.data.images.folders.names import readable_names
from fathom.data.images.formats import FORMATS
from fathom.data.images.pixels.form import MAX_PIXELS, PixelForm
from fathom.data.images.pixels.plain_jpeg import decode_plain_jpeg
from fathom.errors import FathomError, UsageError


def write(path, size=(6, 4), mode="RGB", colour=None, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, colour).save(path, **options)
    return path


def encoded(image, kind="png", **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


# --- folders


def test_real_folder_as_torchvision_lists_it(shared_data):
    from torchvision.datasets import ImageFolder

    root = shared_data / "folders" / "cifar10_small"
    files = list_image_folder(root)
    assert (len(files.train), files.val, len(files.test), len(files.class_names)) == (2000, None, 500, 10)
    for ours, part in ((files.train, "train"), (files.test, "test")):
        theirs = ImageFolder(str(root / part))
        assert list(files.class_names) == theirs.classes
        assert [(str(p), int(y)) for p, y in zip(ours.paths, ours.labels, strict=True)] == theirs.samples


def test_real_images_as_torchvision_reads_them(shared_data):
    from torchvision.datasets import ImageFolder
    from torchvision.transforms.v2.functional import pil_to_tensor

    root = shared_data / "folders" / "cifar10_small"
    ours, theirs = (
        ImageFileDataset(list_image_folder(root).test, PixelForm(3, (32, 32))),
        ImageFolder(str(root / "test")),
    )
    assert len(ours) == len(theirs) == 500
    for index in range(0, 500, 25):
        image, label = ours[index]
        assert image.dtype == torch.uint8
        assert label == theirs[index][1]
        assert torch.equal(image, pil_to_tensor(theirs[index][0]))


def test_batches_through_workers(shared_data):
    files = list_image_folder(shared_data / "folders" / "cifar10_small")
    loader = DataLoader(ImageFileDataset(files.test, PixelForm(1, (24, 20))), batch_size=100, num_workers=1)
    batches = list(loader)
    assert [X.shape for X, _ in batches] == [(100, 1, 24, 20)] * 5
    assert torch.cat([y for _, y in batches]).tolist() == files.test.labels.tolist()


@pytest.mark.parametrize(
    ("train", "val", "test"),
    [
        ("train", "val", "test"),
        ("Training", "valid", "Testing"),
        ("training_set", "Validation", "test_set"),
        ("seg_train", "seg_dev", "seg_test"),
        ("Train Images", "eval", "TestSet"),
    ],
)
def test_three_splits(tmp_path, train, val, test):
    for part in (train, val, test):
        write(tmp_path / part / "cat" / "1.png")
        write(tmp_path / part / "dog" / "deep" / "2.JPG")
    write(tmp_path / train / "dog" / "0.webp")
    (tmp_path / train / "dog" / "notes.txt").touch()
    (tmp_path / train / "dog" / ".hidden.png").touch()
    (tmp_path / train / ".cache").mkdir()
    files = list_image_folder(tmp_path)
    assert files.class_names == ("cat", "dog")
    assert [p.name for p in files.train.paths] == ["1.png", "0.webp", "2.JPG"]
    assert files.train.labels.tolist() == [0, 1, 1]
    assert files.train.labels.dtype == np.int64
    assert (len(files.val), len(files.test)) == (2, 2)
    assert files.origins == {"train": f"folder {train}", "val": f"folder {val}", "test": f"folder {test}"}


def test_a_split_among_the_classes(tmp_path):
    for folder in ("cat", "dog", "test/cat", "test/dog"):
        write(tmp_path / folder / "1.png")
    files = list_image_folder(tmp_path)
    assert files.class_names == ("cat", "dog")
    assert [str(path.relative_to(tmp_path)) for path in files.train.paths] == ["cat/1.png", "dog/1.png"]
    assert [str(path.relative_to(tmp_path)) for path in files.test.paths] == ["test/cat/1.png", "test/dog/1.png"]
    assert files.origins == {"train": "the other folders", "test": "folder test"}


def test_splits_packed_once_more_and_images_without_labels(tmp_path):
    """Intel's set of scenes: seg_train/seg_train/<class>, and seg_pred without classes; another has a flat test."""
    for folder in ("seg_train/seg_train/cat", "seg_train/seg_train/dog", "seg_test/seg_test/cat", "seg_pred/seg_pred"):
        write(tmp_path / folder / "1.png")
    files = list_image_folder(tmp_path)
    assert files.class_names == ("cat", "dog")
    assert (len(files.train), files.val, len(files.test)) == (2, None, 1)
    assert files.notes == ("skipped: 1 folder beside the splits (seg_pred)",)
    for folder in ("flat/train/cat", "flat/train/dog", "flat/test"):
        write(tmp_path / folder / "1.png")
    files = list_image_folder(tmp_path / "flat")
    assert (len(files.train), files.test) == (2, None)
    assert files.notes == ("skipped: test: 1 image without class folders, so nothing says what they show",)


@pytest.mark.parametrize(
    ("folders", "message"),
    [
        (("fold1/cat", "fold1/dog", "fold2/cat", "fold2/dog"), "fold1, fold2 hold no images but folders, with equal"),
        (
            ("p1/benign", "p2/benign", "p2/malign", "p3/malign"),
            r"equal names \(benign, malign\); those seem to be the classes: say --levels group/class",
        ),
        (("p1/benign", "p2/benign", "p2", "p1/malign", "p2/malign"), "those seem to be the classes: say --levels gr"),
        (("train/m/a", "train/m/b", "train/f/a", "train/f/b"), "say --levels split/group/class .* --levels split/./cl"),
        (("train1/a", "train1/b", "test1/a", "test1/b"), "in splits: say --levels split/class"),
        (("cat", "dog", "test/cat", "test/dog", "test/bird"), "test/bird: there is no class 'bird' in the training"),
        (
            ("cat/train", "cat/test", "dog/train", "dog/test"),
            "the splits are inside the classes: say --levels class/sp",
        ),
        (("train/cat", "training/cat", "test/cat"), "train and training both name a train split; join them, or"),
    ],
)
def test_splits_and_patients_do_not_become_classes(tmp_path, folders, message):
    for folder in folders:
        write(tmp_path / folder / "1.png")
    with pytest.raises(FathomError, match=message):
        list_image_folder(tmp_path)


@pytest.mark.parametrize("below", [("images",), ("x1", "x2")])
def test_folders_below_the_classes_may_be_there(tmp_path, below):
    for name in ("cat", "dog"):
        for deep in below:
            write(tmp_path / name / f"{deep}{name * (len(below) > 1)}" / "1.png")
    assert list_image_folder(tmp_path).class_names == ("cat", "dog")


def test_thumbnails_and_masks_are_not_learned(tmp_path):
    kept = ("cat/1.png", "cat/2_mask.png", "dog/images/1.png")
    for name in (*kept, "cat/@eaDir/1.png/small.jpg", "cat/.thumbnails/1.png", "cat/1_mask.png", "cat/1_mask_2.png"):
        write(tmp_path / name)
    for name in ("dog/masks/1.png", "__MACOSX/cat/1.png", "@eaDir/cat/1.jpg"):
        write(tmp_path / name)
    files = list_image_folder(tmp_path)
    assert [str(path.relative_to(tmp_path)) for path in files.train.paths] == list(kept)
    assert files.class_names == ("cat", "dog")
    assert files.notes == (
        "skipped: @eaDir, __MACOSX: thumbnails, masks or a system's own",
        "skipped: 2 folders of thumbnails or masks",
        "skipped: 2 images named as masks or thumbnails of others",
    )


def test_folders_of_masks_beside_those_of_images(tmp_path):
    for folder in ("cat", "cat_masks", "dog", "dog-segmentation", "with_mask", "with"):
        write(tmp_path / folder / "1.png")
    assert list_image_folder(tmp_path).class_names == ("cat", "dog", "with", "with_mask")  # a mask may be worn


@pytest.mark.parametrize("where", ["test", "test/images", "test/test"])
@pytest.mark.parametrize("train", ["train/", ""])
def test_images_for_testing_without_labels_do_not_stop(tmp_path, where, train):
    for folder in (f"{train}cat", f"{train}dog", where):
        write(tmp_path / folder / "1.png")
    files = list_image_folder(tmp_path)
    assert files.class_names == ("cat", "dog")
    assert files.test is None
    assert files.notes[-1].startswith("skipped: test")
    assert "1 image without class folders, so nothing says what they show" in files.notes[-1]
    if not train:
        expected = ("cat", "dog", "test")
        assert list_image_folder(tmp_path, "class").class_names == expected


def test_classes_one_level_further_down_are_told_of(tmp_path):
    for folder in ("animals/cat", "animals/dog", "plants/rose"):
        write(tmp_path / folder / "1.png")
    files = list_image_folder(tmp_path)
    assert files.class_names == ("animals", "plants")
    assert files.notes[0].startswith("classes: the outer folders (animals, plants); --levels */class makes those below")
    assert list_image_folder(tmp_path, "*/class").class_names == ("cat", "dog", "rose")


def test_levels(tmp_path):
    for folder in ("p1/benign", "p2/benign/deep", "p2/malign", "p3/malign", "p3"):
        write(tmp_path / folder / "1.png")
    files = list_image_folder(tmp_path, "group/class")
    assert files.class_names == ("benign", "malign")
    assert files.train.labels.tolist() == [0, 0, 1, 1]
    assert files.train.groups == ("p1", "p2", "p2", "p3")
    assert files.notes == ("levels: group/class, as was asked for", "skipped: 1 image not below all of group/class")
    for wrong in ("group", "class/class", "class/patient", "group/class/group"):
        with pytest.raises(UsageError, match="--levels says what the folders mean"):
            list_image_folder(tmp_path, wrong)
    with pytest.raises(FathomError, match="benign, malign: no usual name of a split"):
        list_image_folder(tmp_path, "class/split")
    for folder in ("s/cat/seg_train1", "s/cat/seg_train2", "s/cat/seg_test", "s/dog/seg_train1"):
        write(tmp_path / folder / "1.png")
    files = list_image_folder(tmp_path / "s", "class/split")
    assert (files.class_names, len(files.train), len(files.test)) == (("cat", "dog"), 3, 1)
    for folder in ("t/train/cat", "t/test/bird"):
        write(tmp_path / folder / "1.png")
    with pytest.raises(FathomError, match="--levels split/class leaves no training image of bird"):
        list_image_folder(tmp_path / "t", "split/class")


def test_groups_by_name(tmp_path):
    for name in ("cat/p1_left.png", "cat/p1_right.png", "dog/p1_left.png", "dog/p2_left.png", "dog/other.png"):
        write(tmp_path / name)
    files = group_by_name(list_image_folder(tmp_path), r"/(p\d+)_")
    assert files.train.groups == ("p1", "p1", "", "p1", "p2")
    assert files.notes == (r"groups: 1 name without a match of /(p\d+)_",)
    with pytest.raises(UsageError, match="not a regular expression"):
        group_by_name(files, "(")
    with pytest.raises(UsageError, match=r"matches no name; the first is cat/p1_left.png"):
        group_by_name(files, "x9")


@pytest.mark.skipif(os.name == "nt", reason="names are Unicode there")
def test_names_of_classes_that_are_not_utf_8(tmp_path):
    for name in ("野生小鱼".encode("gbk"), b"dog"):
        os.mkdir(os.path.join(os.fsencode(tmp_path), name))
        write(Path(os.fsdecode(os.path.join(os.fsencode(tmp_path), name))) / "1.png")
    files = list_image_folder(tmp_path)
    assert set(files.class_names) == {"野生小鱼", "dog"}
    assert files.notes == ("classes: names of folders that are not UTF-8 are read as gb18030 (野生小鱼)",)
    assert readable_names(["caf\udce9", "café"])[0] == (r"caf\xe9", "café")  # two of one name stay two


def test_classes_only(tmp_path):
    write(tmp_path / "b" / "1.png")
    write(tmp_path / "a" / "1.png")
    files = list_image_folder(tmp_path)
    assert files.class_names == ("a", "b")
    assert files.val is files.test is None


def test_train_may_be_the_name_of_a_class(tmp_path):
    for vehicle in ("train", "bus", "car"):
        write(tmp_path / vehicle / "1.png")
    assert list_image_folder(tmp_path).class_names == ("bus", "car", "train")


def test_folders_that_do_not_serve(tmp_path):
    with pytest.raises(FathomError, match="nowhere does not exist"):
        list_image_folder(tmp_path / "nowhere")
    write(tmp_path / "only.png")
    with pytest.raises(FathomError, match=r"only.png is not a folder"):
        list_image_folder(tmp_path / "only.png")
    with pytest.raises(FathomError, match=f"{tmp_path} has no class folders: images belong in {tmp_path}/<class>/"):
        list_image_folder(tmp_path)
    write(tmp_path / "test" / "cat" / "1.png")
    with pytest.raises(FathomError, match="has test but no train folder"):
        list_image_folder(tmp_path)
    write(tmp_path / "train" / "1.png")
    with pytest.raises(FathomError, match="train has no class folders"):
        list_image_folder(tmp_path)
    write(tmp_path / "train" / "dog" / "1.png")
    with pytest.raises(FathomError, match=r"test/cat: there is no class 'cat' in the training split"):
        list_image_folder(tmp_path)
    (tmp_path / "train" / "cat").mkdir()
    (tmp_path / "train" / "cat" / "readme.txt").touch()
    with pytest.raises(FathomError, match=r"class folder .*train/cat holds no image"):
        list_image_folder(tmp_path)


def test_a_broken_file_names_itself(tmp_path):
    write(tmp_path / "a" / "1.png")
    (tmp_path / "a" / "2.png").write_bytes(b"no image")
    dataset = ImageFileDataset(list_image_folder(tmp_path).train, PixelForm(3, (4, 4)))
    assert dataset[0][0].shape == (3, 4, 4)
    with pytest.raises(FathomError, match=r"a/2.png is not an image"):
        dataset[1]
    iterator = iter(DataLoader(dataset, batch_size=2, num_workers=1))
    with pytest.raises(FathomError, match=r"a/2.png is not an image"):
        next(iterator)
    iterator._shutdown_workers()  # left to the garbage collector, it would wait five seconds for its worker


# --- reading


def test_from_path_and_from_bytes(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    content = encoded(Image.fromarray(pixels))
    (tmp_path / "x.png").write_bytes(content)
    for source in (content, tmp_path / "x.png", str(tmp_path / "x.png")):
        image = read_image(source, channels=3)
        assert image.dtype == np.uint8
        assert image.flags.c_contiguous
        assert image.flags.writeable
        assert np.array_equal(image, pixels.transpose(2, 0, 1))
    grey = read_image(content, channels=1)
    assert grey.shape == (1, 5, 7)
    assert abs(grey[0] - pixels @ [0.299, 0.587, 0.114]).max() <= 1


def test_resizing_equals_torchvision():
    from torchvision.transforms.v2 import functional

    pixels = np.random.default_rng(0).integers(0, 256, (3, 40, 60), dtype=np.uint8)
    content = encoded(Image.fromarray(pixels.transpose(1, 2, 0)))
    for size in ((16, 20), (80, 90)):
        ours = read_image(content, channels=3, size=size)
        theirs = functional.resize(torch.from_numpy(pixels), list(size), antialias=True).numpy()
        assert ours.shape == (3, *size)
        assert abs(ours.astype(int) - theirs).max() <= 1


@pytest.mark.parametrize("kind", FORMATS)
def test_formats(kind):
    image = read_image(encoded(Image.new("RGB", (16, 16), (200, 100, 50)), kind), channels=3)
    assert abs(image.mean((1, 2)) - [200, 100, 50]).max() < 4


@pytest.mark.parametrize(
    "content", [b"hello " * 100, b"\0" * 100, b"\0\1" * 100, "text".encode("utf-16") * 50, b"%!PS-Adobe-3.0"]
)
def test_what_is_no_image_is_not_taken_for_one(content):
    with pytest.raises(FathomError, match="not an image in a known format"):
        read_image(content, channels=3)


@pytest.mark.parametrize(
    ("mode", "colour", "expected"),
    [
        ("1", 1, (255, 255, 255)),
        ("L", 90, (90, 90, 90)),
        ("P", 0, (0, 0, 0)),
        ("RGB", (10, 20, 30), (10, 20, 30)),
        ("RGBA", (10, 20, 30, 255), (10, 20, 30)),
        ("RGBA", (10, 20, 30, 0), (255, 255, 255)),
        ("RGBA", (0, 0, 0, 51), (204, 204, 204)),
        ("LA", (10, 0), (255, 255, 255)),
    ],
)
def test_modes(mode, colour, expected):
    image = read_image(encoded(Image.new(mode, (3, 3), colour)), channels=3)
    assert abs(image[:, 1, 1].astype(int) - expected).max() <= 1


def test_a_transparent_colour_of_a_palette_is_white():
    image = Image.new("P", (2, 2), 1)
    image.putpalette([0, 0, 0, 10, 20, 30])
    assert (read_image(encoded(image, transparency=1), channels=3) == 255).all()


@pytest.mark.parametrize("high", [65535, 200])
def test_sixteen_bits_are_scaled_not_clipped(high):
    values = np.linspace(0, high, 25).reshape(5, 5).astype(np.uint16)
    image = read_image(encoded(Image.fromarray(values)), channels=1)
    assert np.array_equal(image[0], np.round(values / 65535 * 255).astype(np.uint8))


def test_floating_tiff():
    values = np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4)
    image = read_image(encoded(Image.fromarray(values), "tiff"), channels=1)
    assert np.array_equal(image[0], np.round(values.astype(np.float64) * 255).astype(np.uint8))


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_exif_orientation(mode):
    image = Image.new(mode, (6, 3), "white")
    image.putpixel((0, 0), 0 if mode == "L" else (0, 0, 0, 255)[: len(mode)])
    exif = Image.Exif()
    exif[0x0112] = 6  # turn right to see it upright
    image = read_image(encoded(image, "png", exif=exif), channels=1)
    assert image.shape == (1, 6, 3)
    assert image[0, 0, 2] == 0
    assert (image == 0).sum() == 1


def test_large_jpegs_are_reduced_well():
    ramp = np.linspace(0, 255, 2000).astype(np.uint8)
    image = Image.fromarray(np.stack([np.tile(ramp, (1600, 1))] * 3, -1))
    image = read_image(encoded(image, "jpeg"), channels=3, size=(32, 32))
    assert abs(image[0, 16] - np.linspace(4, 251, 32)).max() < 3


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0, "quality": 99}, {"comment": b"x"}])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_short_way_of_a_jpeg_gives_pillow_s_pixels(mode, options, channels):
    pixels = np.random.default_rng(0).integers(0, 256, (21, 18, 4), dtype=np.uint8)
    image = Image.fromarray(pixels, "RGBA").convert(mode) if mode != "CMYK" else Image.fromarray(pixels, "CMYK")
    content = encoded(image, "jpeg", **options)
    theirs = Image.open(io.BytesIO(content)).convert("RGB" if channels == 3 else "L")
    ours = read_image(content, channels)
    assert np.array_equal(ours, np.asarray(theirs).reshape(21, 18, channels).transpose(2, 0, 1))
    assert (decode_plain_jpeg(content, MAX_PIXELS, None) is None) == (mode == "CMYK")
    assert decode_plain_jpeg(content, MAX_PIXELS, 20) is None


@pytest.mark.parametrize("cut", range(0, 600, 7))
def test_a_cut_jpeg_is_never_taken_for_whole(cut):
    content = encoded(Image.effect_noise((24, 24), 80), "jpeg")
    if cut < len(content) - 2:
        assert decode_plain_jpeg(content[:cut], MAX_PIXELS, None) is None


def declared_png(width, height):
    """A PNG whose header announces a size and whose content does not follow."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


JPEG = encoded(Image.effect_noise((64, 64), 80), "jpeg")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"hello, this is text", "is not an image in a known format"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", "is not an image in a known format"),
        (JPEG[: len(JPEG) // 2], "is damaged or truncated"),
        (encoded(Image.effect_noise((64, 64), 80))[:700], "is damaged or truncated"),
        (declared_png(8000, 8000), r"has 8,000×8,000 pixels, more than the limit of 50,000,000"),
        (declared_png(12_000, 9_000), "more than the limit"),
        (declared_png(60_000, 60_000), "more pixels than the limit"),
    ],
)
def test_what_is_no_image_is_one_line_with_the_name(tmp_path, content, message):
    path = tmp_path / "x.png"
    path.write_bytes(content)
    for source, name in ((path, str(path)), (content, "the image (")):
        with pytest.raises(FathomError, match=message) as caught:
            read_image(source, channels=3, size=(8, 8))
        assert str(caught.value).startswith(name)
        assert "\n" not in str(caught.value)


def test_missing_file_and_folder(tmp_path):
    for path in (tmp_path, tmp_path / "nowhere.png"):
        with pytest.raises(FathomError, match="cannot read"):
            read_image(path, channels=3)


@pytest.mark.parametrize(("channels", "size"), [(2, (4, 4)), (3, (0, 4)), (1, (4,)), (1, (MAX_PIXELS, 2))])
def test_impossible_forms(channels, size):
    with pytest.raises(UsageError):
        read_image(b"", channels, size)


@pytest.mark.parametrize(("below", "meant"), [("x", "x"), ("x/y/z", "x/y/z"), ("x/y/train", "x/y")])
def test_classes_that_are_too_deep_are_pointed_at(below, meant, tmp_path):
    for name in ("cat", "dog"):
        write(tmp_path / below / name / "0.png")
    with pytest.raises(FathomError, match=f"did you mean {tmp_path / meant}\\?"):
        list_image_folder(tmp_path)


def test_links_in_a_circle_are_broken_files(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.jpg").touch()
    (tmp_path / "a" / "loop.jpg").symlink_to("loop.jpg")
    (tmp_path / "b" / "up").symlink_to("up")
    (tmp_path / "loop").symlink_to("loop")
    files = list_image_folder(tmp_path)
    assert sorted(path.name for path in files.train.paths) == ["1.jpg", "1.jpg", "loop.jpg"]
