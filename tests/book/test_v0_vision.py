"""The chapter on computer vision, a program a section; its names are the same in all editions."""

import numpy as np
import pytest
import torch
import torchvision
from torch import nn

from fathom.d2l.frame import loaders
from fathom.d2l.v0 import torch as d2l
from fathom.errors import FathomError


def save(pixels, path):
    d2l.Image.fromarray(pixels.permute(1, 2, 0).numpy()).save(path)


def two_classes(num=24, size=16):
    """Coloured images: class 0 is red, class 1 blue."""
    y = torch.arange(num) % 2
    X = torch.rand(num, 3, size, size) * 0.5
    X[y == 0, 0] += 0.5
    X[y == 1, 2] += 0.5
    return X, y


def test_image_augmentation(tmp_path, capsys):
    """Augmented copies in a grid, and training on what one device or several make of it."""
    image = tmp_path / "cat.png"
    d2l.Image.fromarray(np.random.randint(255, size=(20, 30, 3), dtype=np.uint8)).save(image)
    img = d2l.Image.open(image)
    d2l.set_figsize()
    d2l.plt.imshow(img)
    aug = torchvision.transforms.RandomHorizontalFlip()
    d2l.show_images([aug(img) for _ in range(8)], 2, 4, scale=1.5)
    assert len(d2l.plt.gcf().axes) == 8
    img.close()

    X, y = two_classes()
    train_iter, test_iter = d2l.load_array((X, y), 8), d2l.load_array((X, y), 8, is_train=False)
    devices, net = d2l.try_all_gpus(), nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1))
    net.extend([nn.Flatten(), nn.Linear(4, 2)])
    loss, trainer = nn.CrossEntropyLoss(reduction="none"), torch.optim.Adam(net.parameters(), lr=0.05)
    before = net[0].weight.clone()
    total, correct = d2l.train_batch_ch13(net, X, y, loss, trainer, devices)
    assert total.ndim == correct.ndim == 0
    assert not torch.equal(before, net[0].weight)
    d2l.train_ch13(net, train_iter, test_iter, loss, trainer, 10, devices)
    losses, speed = capsys.readouterr().out.splitlines()
    assert float(losses.split()[-1]) == d2l.evaluate_accuracy_gpu(net, test_iter) == 1
    assert speed.endswith(f"examples/sec on {devices}")
    d2l.train_ch13(net, train_iter, test_iter, loss, trainer, 1)  # devices are found
    assert all(0 <= number <= 1 for number in (float(part.split()[-1]) for part in losses.split(",")[1:]))


def test_a_batch_of_several_inputs():
    """BERT's batches are lists of tensors."""

    class Sum(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(3, 2)

        def forward(self, pair):
            return self.linear(pair[0] + pair[1])

    net, X, y = Sum(), torch.randn(6, 3), torch.randint(2, (6,))
    loss = nn.CrossEntropyLoss(reduction="none")
    expected = loss(net([X, X]), y).sum().item()
    total, correct = d2l.train_batch_ch13(
        net, [X, X], y, loss, torch.optim.SGD(net.parameters(), 0.0), [torch.device("cpu")]
    )
    assert total.item() == pytest.approx(expected)
    assert correct.item() == (net([X, X]).argmax(1) == y).sum().item()


def test_bounding_boxes():
    boxes = d2l.tensor(([60.0, 45.0, 378.0, 516.0], [400.0, 112.0, 655.0, 493.0]))
    centres = d2l.box_corner_to_center(boxes)
    assert centres[0].tolist() == [219.0, 280.5, 318.0, 471.0]
    assert torch.equal(d2l.box_center_to_corner(centres), boxes)
    assert torch.equal(centres, torchvision.ops.box_convert(boxes, "xyxy", "cxcywh"))
    rectangle = d2l.bbox_to_rect([60.0, 45.0, 378.0, 516.0], "blue")
    assert (rectangle.get_xy(), rectangle.get_width(), rectangle.get_height()) == ((60.0, 45.0), 318.0, 471.0)
    assert rectangle.get_edgecolor()[:3] == (0, 0, 1)
    assert not rectangle.get_fill()


def test_anchors():
    """Generated, drawn, assigned, and turned into predictions: the numbers of the section."""
    h, w = 56, 72
    Y = d2l.multibox_prior(torch.rand(1, 3, h, w), sizes=[0.75, 0.5, 0.25], ratios=[1, 2, 0.5])
    assert Y.shape == (1, h * w * 5, 4)
    boxes = Y.reshape(h, w, 5, 4)
    for k, (size, ratio) in enumerate([(0.75, 1), (0.5, 1), (0.25, 1), (0.75, 2), (0.75, 0.5)]):
        left, top, right, bottom = boxes[10, 20, k].tolist()
        assert ((left + right) / 2 * w, (top + bottom) / 2 * h) == pytest.approx((20.5, 10.5), abs=1e-4)
        assert (right - left) * w == pytest.approx(size * ratio**0.5 * h, rel=1e-5)
        assert (bottom - top) * h == pytest.approx(size / ratio**0.5 * h, rel=1e-5)
    fig = d2l.plt.imshow(np.zeros((h, w)))
    scale = d2l.tensor((w, h, w, h))
    d2l.show_bboxes(fig.axes, boxes[10, 20, :, :] * scale, ["s=0.75, r=1", "s=0.5, r=1"])
    assert len(fig.axes.patches) == 5
    assert len(fig.axes.texts) == 2

    ground_truth = d2l.tensor([[0, 0.1, 0.08, 0.52, 0.92], [1, 0.55, 0.2, 0.9, 0.88]])
    rows = [[0, 0.1, 0.2, 0.3], [0.15, 0.2, 0.4, 0.4], [0.63, 0.05, 0.88, 0.98], [0.66, 0.45, 0.8, 0.8]]
    anchors = d2l.tensor([*rows, [0.57, 0.3, 0.92, 0.9]])
    d2l.show_bboxes(fig.axes, ground_truth[:, 1:] * scale, ["dog", "cat"], "k")
    truth = ground_truth[:, 1:]
    assert torch.allclose(d2l.box_iou(anchors, truth), torchvision.ops.box_iou(anchors, truth))
    assigned = d2l.assign_anchor_to_bbox(truth, anchors, anchors.device)
    assert assigned.tolist() == [-1, 0, 1, -1, 1]
    offset, mask, classes = d2l.multibox_target(anchors.unsqueeze(0), ground_truth.unsqueeze(0))
    assert classes.tolist() == [[0, 1, 2, 0, 2]]
    assert mask[0].tolist() == [*[0] * 4, *[1] * 8, *[0] * 4, *[1] * 4]
    assert offset.reshape(5, 4)[1].tolist() == pytest.approx([1.40, 10.0, 2.59, 7.18], abs=5e-3)
    assert not offset.reshape(5, 4)[[0, 3]].any()
    back = d2l.offset_inverse(anchors, offset[0].reshape(-1, 4))
    assert torch.allclose(back[[1, 2, 4]], ground_truth[[0, 1, 1], 1:], atol=1e-4)
    assert torch.equal(d2l.offset_boxes(anchors, anchors)[:, :2], torch.zeros(5, 2))


def test_every_true_box_gets_an_anchor():
    """Even one that no anchor meets well, and one box may have several."""
    truth = torch.tensor([[0.0, 0.0, 0.1, 0.1], [0.5, 0.5, 1.0, 1.0]])
    anchors = torch.tensor([[0.0, 0.0, 1.0, 1.0], [0.5, 0.5, 1.0, 1.0], [0.5, 0.5, 1.0, 0.95]])
    assert d2l.assign_anchor_to_bbox(truth, anchors, anchors.device).tolist() == [0, 1, 1]


def test_predictions_are_thinned_out():
    anchors = d2l.tensor(
        [[0.1, 0.08, 0.52, 0.92], [0.08, 0.2, 0.56, 0.95], [0.15, 0.3, 0.62, 0.91], [0.55, 0.2, 0.9, 0.88]]
    )
    offsets = d2l.tensor([0] * d2l.size(anchors))
    probabilities = d2l.tensor([[0] * 4, [0.9, 0.8, 0.7, 0.1], [0.1, 0.2, 0.3, 0.9]])
    assert d2l.nms(anchors, probabilities[1], 0.5).tolist() == [0, 3]
    out = d2l.multibox_detection(
        probabilities.unsqueeze(0), offsets.unsqueeze(0), anchors.unsqueeze(0), nms_threshold=0.5
    )
    assert out.shape == (1, 4, 6)
    assert out[0, :, 0].tolist() == [0, 1, -1, -1]
    assert out[0, :, 1].tolist() == pytest.approx([0.9, 0.9, 0.8, 0.7])
    assert torch.allclose(out[0, :, 2:], anchors[[0, 3, 1, 2]])
    low = d2l.multibox_detection(probabilities[None] * 0.001, offsets[None], anchors[None])
    assert low[0, :, 0].tolist() == [-1] * 4
    assert low[0, 0, 1].item() == pytest.approx(1 - 0.0009)


def test_multiscale_anchors():
    for size, s in ((4, 0.15), (2, 0.4), (1, 0.8)):
        fmap = d2l.zeros((1, 10, size, size))
        anchors = d2l.multibox_prior(fmap, sizes=[s], ratios=[1, 2, 0.5])
        assert anchors.shape == (1, size * size * 3, 4)
        d2l.show_bboxes(d2l.plt.imshow(np.zeros((20, 30))).axes, anchors[0] * d2l.tensor((30, 20, 30, 20)))


def test_bananas(tmp_path, monkeypatch, capsys):
    """Object detection data: images, labels in shares of the size, boxes drawn over them."""
    root = tmp_path / "banana-detection"
    for part, num in (("bananas_train", 5), ("bananas_val", 3)):
        (root / part / "images").mkdir(parents=True)
        lines = ["img_name,label,xmin,ymin,xmax,ymax"]
        for i in range(num):
            save(torch.full((3, 256, 256), 10 * i, dtype=torch.uint8), root / part / "images" / f"{i}.png")
            lines.append(f"{i}.png,0,{64 + i},32,128,192")
        (root / part / "label.csv").write_text("\n".join(lines))
    monkeypatch.setenv("FATHOM_DATA", str(tmp_path))
    train_iter, val_iter = d2l.load_data_bananas(4)
    assert capsys.readouterr().out == "read 5 training examples\nread 3 validation examples\n"
    X, y = next(iter(val_iter))
    assert (X.shape, X.dtype, y.shape) == ((3, 3, 256, 256), torch.float32, (3, 1, 5))
    assert X[2].unique().tolist() == [20]
    assert y[1, 0].tolist() == [0, 65 / 256, 0.125, 0.5, 0.75]
    assert isinstance(train_iter.dataset, d2l.BananasDataset)
    assert len(d2l.read_data_bananas(True)[0]) == 5
    axes = d2l.show_images(X.permute(0, 2, 3, 1) / 255, 1, 3, scale=2)
    for ax, label in zip(axes, y, strict=True):
        d2l.show_bboxes(ax, [label[0][1:5] * 256], colors=["w"])
    assert axes[0].patches[0].get_width() == 64


def test_segmentation(tmp_path, monkeypatch, capsys):
    """Colours to classes, the same window from image and label, small images left out."""
    assert d2l.VOC_COLORMAP[:3] == [[0, 0, 0], [128, 0, 0], [0, 128, 0]]
    assert d2l.VOC_COLORMAP[15] == [192, 128, 128]
    assert d2l.VOC_COLORMAP[20] == [0, 64, 128]
    assert (len(d2l.VOC_CLASSES), d2l.VOC_CLASSES[15], d2l.VOC_CLASSES[20]) == (21, "person", "tv/monitor")
    voc = tmp_path / "VOCdevkit" / "VOC2012"
    for folder in ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation"):
        (voc / folder).mkdir(parents=True)
    sizes = {"a": (40, 50), "b": (30, 60), "c": (20, 20)}
    for name, (height, width) in sizes.items():
        save(torch.randint(255, (3, height, width), dtype=torch.uint8), voc / "JPEGImages" / f"{name}.jpg")
        label = torch.zeros(3, height, width, dtype=torch.uint8)
        label[:, :, width // 2 :] = torch.tensor([192, 128, 128], dtype=torch.uint8)[:, None, None]
        save(label, voc / "SegmentationClass" / f"{name}.png")
    (voc / "ImageSets/Segmentation/train.txt").write_text("a\nb\nc\n")
    (voc / "ImageSets/Segmentation/val.txt").write_text("b\n")
    monkeypatch.setenv("FATHOM_DATA", str(tmp_path))
    monkeypatch.setattr(loaders.multiprocessing, "get_start_method", lambda: "spawn")  # no workers

    features, labels = d2l.read_voc_images(voc, True)
    assert [tuple(f.shape[1:]) for f in features] == list(sizes.values())
    table = d2l.voc_colormap2label()
    assert table.shape == (256**3,)
    classes = d2l.voc_label_indices(labels[0], table)
    assert classes[0].tolist() == [0] * 25 + [15] * 25
    feature, label = d2l.voc_rand_crop(labels[0], labels[0], 10, 20)
    assert torch.equal(feature, label)
    assert label.shape == (3, 10, 20)
    train_iter, test_iter = d2l.load_data_voc(1, (25, 30))
    assert capsys.readouterr().out == "read 2 examples\nread 1 examples\n"
    X, y = next(iter(train_iter))
    assert (X.shape, X.dtype, y.shape, y.dtype) == ((1, 3, 25, 30), torch.float32, (1, 25, 30), torch.int64)
    assert set(y.unique().tolist()) <= {0, 15}
    normalize = torchvision.transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    img = test_iter.dataset.features[0]
    assert torch.allclose(test_iter.dataset.normalize_image(img), normalize(img / 255))

    def loss(inputs, targets):
        return nn.functional.cross_entropy(inputs, targets, reduction="none").mean(1).mean(1)

    net = nn.Conv2d(3, 21, 1)
    d2l.train_ch13(net, train_iter, test_iter, loss, torch.optim.SGD(net.parameters(), 0.1), 2, d2l.try_all_gpus())
    printed = capsys.readouterr().out
    train_acc = float(printed.split("train acc ")[1].split(",")[0])
    assert 0 <= train_acc <= 1  # pixels over pixels
    colours = torch.tensor(d2l.VOC_COLORMAP)[net(X.to(d2l.try_gpu())).argmax(1).cpu()]
    d2l.show_images([X[0].permute(1, 2, 0).clamp(0, 1), colours[0]], 1, 2, scale=2)


@pytest.fixture
def kaggle(tmp_path):
    """Twelve images of two breeds in Kaggle's layout: labels in a CSV, no class folders."""
    for folder, num in (("train", 12), ("test", 3)):
        (tmp_path / folder).mkdir()
        for i in range(num):
            image = torch.full((3, 12, 12), 200 * (i % 3 == 0), dtype=torch.uint8)
            save(image, tmp_path / folder / f"{i + 1}.png")
    lines = ["id,breed", *(f"{i + 1},{'poodle' if i % 3 == 0 else 'beagle'}" for i in range(12))]
    (tmp_path / "labels.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "train" / ".DS_Store").write_text("not an image")
    return tmp_path


def files(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*.png")}


def test_kaggle_folders(kaggle, capsys):
    """CIFAR-10 and dogs: labels read, folders made, trained, and predicted for a submission."""
    labels = d2l.read_csv_labels(kaggle / "labels.csv")
    assert len(labels) == 12
    assert labels["1"] == "poodle"
    made = kaggle / "train_valid_test"
    for ratio, num_valid in ((0.5, 2), (0.1, 1)):  # the second call replaces what the first made
        assert d2l.reorg_train_valid(kaggle, labels, ratio) == num_valid
        d2l.reorg_test(kaggle)
        train, valid = files(made / "train"), files(made / "valid")
        assert not train & valid
        assert train | valid == files(made / "train_valid")
        assert {len([f for f in valid if f.startswith(breed)]) for breed in ("poodle", "beagle")} == {num_valid}
    assert files(made / "test") == {"unknown/1.png", "unknown/2.png", "unknown/3.png"}
    d2l.copyfile(kaggle / "labels.csv", kaggle / "new" / "folder")
    assert (kaggle / "new" / "folder" / "labels.csv").is_file()

    to_tensor = torchvision.transforms.ToTensor()
    train_ds, valid_ds, test_ds = (
        torchvision.datasets.ImageFolder(made / part, transform=to_tensor) for part in ("train", "valid", "test")
    )
    train_iter = torch.utils.data.DataLoader(train_ds, 4, shuffle=True, drop_last=True)
    valid_iter, test_iter = (torch.utils.data.DataLoader(ds, 2) for ds in (valid_ds, test_ds))
    devices, net = d2l.try_all_gpus(), nn.Sequential(nn.Flatten(), nn.Linear(432, 2))
    trainer, loss = torch.optim.SGD(net.parameters(), lr=0.05), nn.CrossEntropyLoss(reduction="none")
    timer = d2l.Timer()
    animator = d2l.Animator(xlabel="epoch", xlim=[1, 5], legend=["train loss", "train acc", "valid acc"])
    for epoch in range(5):
        metric = d2l.Accumulator(3)
        for X, y in train_iter:
            timer.start()
            metric.add(*d2l.train_batch_ch13(net, X, y, loss, trainer, devices), y.shape[0])
            timer.stop()
        animator.add(epoch + 1, (metric[0] / metric[2], metric[1] / metric[2], None))
        animator.add(epoch + 1, (None, None, d2l.evaluate_accuracy_gpu(net, valid_iter)))
    assert animator.Y[2][-1] == 1
    predicted = [k for X, _ in test_iter for k in net(X.to(devices[0])).argmax(1).tolist()]
    assert [train_ds.classes[k] for k in predicted] == ["poodle", "beagle", "beagle"]


def test_a_picture_without_label_is_named(kaggle):
    labels = d2l.read_csv_labels(kaggle / "labels.csv")
    del labels["7"]
    with pytest.raises(FathomError, match=r"7\.png has no label; the labels name 11 images"):
        d2l.reorg_train_valid(kaggle, labels, 0.1)


def test_fine_tuning(tmp_path):
    """A new head learns ten times as fast as the body."""
    for k, folder in enumerate(("hotdog/train/hotdog", "hotdog/train/not-hotdog")):
        (tmp_path / folder).mkdir(parents=True)
        for i in range(4):
            save(torch.full((3, 32, 32), 220 * k, dtype=torch.uint8), tmp_path / folder / f"{i}.png")
    images = torchvision.datasets.ImageFolder(tmp_path / "hotdog/train")
    d2l.show_images([images[i][0] for i in range(4)] + [images[-i - 1][0] for i in range(4)], 2, 4, scale=1.4)
    net = torchvision.models.resnet18(num_classes=5)
    net.fc = nn.Linear(net.fc.in_features, 2)
    nn.init.xavier_uniform_(net.fc.weight)
    body = [p for name, p in net.named_parameters() if name not in ("fc.weight", "fc.bias")]
    trainer = torch.optim.SGD([{"params": body}, {"params": net.fc.parameters(), "lr": 0.01}], lr=0.001)
    images.transform = torchvision.transforms.ToTensor()
    loader = torch.utils.data.DataLoader(images, batch_size=4, shuffle=True)
    loss = nn.CrossEntropyLoss(reduction="none")
    before = [p.detach().clone() for p in (net.conv1.weight, net.fc.weight)]
    d2l.train_ch13(net, loader, loader, loss, trainer, 2, d2l.try_all_gpus())
    moved = [(p.detach().cpu() - old).abs().max() for p, old in zip((net.conv1.weight, net.fc.weight), before)]  # noqa: B905
    assert all(step > 0 for step in moved)


def test_neural_style():
    """Images beside curves in one animator, drawn over and over."""
    animator = d2l.Animator(
        *("epoch", "loss"), xlim=[10, 30], legend=["content", "style", "TV"], ncols=2, figsize=(7, 2.5)
    )
    X = torch.rand(1, 3, 8, 8, requires_grad=True)
    target, trainer = torch.zeros(1, 3, 8, 8), torch.optim.Adam([X], lr=0.1)
    for epoch in range(30):
        trainer.zero_grad()
        content = torch.square(X - target).mean()
        tv = 0.5 * (d2l.abs(X[:, :, 1:, :] - X[:, :, :-1, :]).mean() + d2l.abs(X[:, :, :, 1:] - X[:, :, :, :-1]).mean())
        gram = d2l.matmul(d2l.reshape(X, (3, 64)), d2l.reshape(X, (3, 64)).T) / d2l.size(X)
        (content + tv + gram.square().mean()).backward()
        trainer.step()
        if (epoch + 1) % 10 == 0:
            animator.axes[1].imshow(X[0].detach().permute(1, 2, 0).clamp(0, 1).numpy())
            animator.add(epoch + 1, [content.item(), gram.square().mean().item(), tv.item()])
    assert [line[-1] < line[0] for line in animator.Y] == [True] * 3
    animator.fig.canvas.draw()
    assert len(animator.axes[0].lines) == 3
    assert len(animator.axes[1].images) == 3
