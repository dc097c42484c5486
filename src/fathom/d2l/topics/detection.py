"""Object detection: boxes, anchors, their targets and predictions; the banana data set.

A box is (left, top, right, bottom) as fractions of the image's width and height, unless stated otherwise.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from fathom.d2l.frame.loaders import Rows, make_loader
from fathom.d2l.topics.download import download_extract
from fathom.d2l.topics.segmentation import read_images

if TYPE_CHECKING:
    from matplotlib.patches import Rectangle


def box_corner_to_center(boxes: Tensor) -> Tensor:
    """Turn (left, top, right, bottom) into (centre x, centre y, width, height).

    Shape:   boxes (N, 4) -> (N, 4)
    """
    upper, lower = boxes[:, :2], boxes[:, 2:]  # (N, 2) each: two opposite corners
    return torch.cat([(upper + lower) / 2, lower - upper], dim=1)


def box_center_to_corner(boxes: Tensor) -> Tensor:
    """Turn (centre x, centre y, width, height) into (left, top, right, bottom).

    Shape:   boxes (N, 4) -> (N, 4)
    """
    centre, half = boxes[:, :2], boxes[:, 2:] / 2  # (N, 2) each
    return torch.cat([centre - half, centre + half], dim=1)


def bbox_to_rect(bbox: Any, color: Any) -> Rectangle:
    """Return matplotlib's rectangle for a box in pixels."""
    from matplotlib.patches import Rectangle

    left, top, right, bottom = (float(value) for value in bbox)
    # matplotlib wants one corner and the sizes
    return Rectangle((left, top), right - left, bottom - top, fill=False, edgecolor=color, linewidth=2)


def show_bboxes(axes: Any, bboxes: Any, labels: Any = None, colors: Any = None) -> None:
    """Draw boxes, in pixels, over an image.

    Args:
        labels, colors: one, or a list to cycle through with the boxes; there may be fewer labels than boxes.
    """
    names = [] if labels is None else list(labels) if isinstance(labels, (list, tuple)) else [labels]
    # blue, green, red, magenta, cyan
    palette = list("bgrmc") if colors is None else list(colors) if isinstance(colors, (list, tuple)) else [colors]
    for i, bbox in enumerate(bboxes):
        color = palette[i % len(palette)]
        rectangle = bbox_to_rect(bbox, color)
        axes.add_patch(rectangle)
        if i < len(names):
            axes.text(
                *rectangle.get_xy(),
                names[i],
                va="center",
                ha="center",
                fontsize=9,
                color="k" if color == "w" else "w",
                bbox={"facecolor": color, "lw": 0},
            )


def multibox_prior(data: Tensor, sizes: Sequence[float], ratios: Sequence[float]) -> Tensor:
    """Return anchors centred on every pixel: each size with the first ratio, then the first size with each other ratio.

    An anchor of size s and ratio r is s√r times the image's height wide and s/√r times as high.

    Shape:   data (B, C, H, W) -> (1, H·W·A, 4); A = len(sizes) + len(ratios) − 1
    """
    height, width = data.shape[-2:]
    # sizes + ratios − 1 anchors a pixel, not every combination
    shapes = [(s, ratios[0]) for s in sizes] + [(sizes[0], r) for r in ratios[1:]]
    s, r = torch.tensor(shapes, dtype=torch.float32, device=data.device).T
    # a ratio of 1 is a square in pixels: hence height / width
    half = torch.stack([s * r.sqrt() * height / width, s / r.sqrt()], dim=1) / 2  # (shapes, 2)
    y = (torch.arange(height, device=data.device) + 0.5) / height  # the middles of the pixels, as shares of the image
    x = (torch.arange(width, device=data.device) + 0.5) / width
    rows, columns = torch.meshgrid(y, x, indexing="ij")  # (H, W) each
    centres = torch.stack([columns, rows], dim=2).reshape(-1, 1, 2)  # (H · W, 1, 2)
    return torch.cat([centres - half, centres + half], dim=2).reshape(1, -1, 4)  # (1, H · W · shapes, 4)


def box_iou(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    """Return the intersection over union of every pair of boxes.

    Shape:   boxes1 (N, 4), boxes2 (M, 4) -> (N, M)
    Equals:  torchvision.ops.box_iou
    """
    upper = torch.maximum(boxes1[:, None, :2], boxes2[:, :2])  # (N, M, 2)
    lower = torch.minimum(boxes1[:, None, 2:], boxes2[:, 2:])  # the corners of the overlap
    # min=0: boxes that do not meet
    shared = (lower - upper).clamp(min=0).prod(dim=2)  # (N, M)
    areas1, areas2 = ((boxes[:, 2:] - boxes[:, :2]).prod(dim=1) for boxes in (boxes1, boxes2))  # (N,), (M,)
    return shared / (areas1[:, None] + areas2 - shared)  # the overlap lies in both areas and counts once


def assign_anchor_to_bbox(
    ground_truth: Tensor, anchors: Tensor, device: torch.device, iou_threshold: float = 0.5
) -> Tensor:
    """Return for each anchor the index of the true box assigned to it, −1 for none.

    Every true box gets its best anchor, the best pair of all first; any other anchor gets the box that it overlaps
    most, if by at least ``iou_threshold``.

    Shape:   ground_truth (M, 4), anchors (N, 4) -> int64 (N,)
    """
    iou = box_iou(anchors, ground_truth).to(device)  # (N, M)
    best, box = iou.max(dim=1)  # of each anchor: its best box, (N,)
    assigned = torch.where(best >= iou_threshold, box, -1)
    for _ in range(len(ground_truth)):  # every true box gets one anchor, however small the overlap
        flat = iou.argmax()  # the best pair that is left
        anchor, box = flat // len(ground_truth), flat % len(ground_truth)
        assigned[anchor] = box
        iou[:, box] = -1  # box and anchor are taken: no pair with them is looked at again
        iou[anchor, :] = -1
    return assigned


def offset_boxes(anchors: Tensor, assigned_bb: Tensor, eps: float = 1e-6) -> Tensor:
    """Return the offsets from anchors to boxes: 10 · shift of the centre / size, and 5 · log(eps + ratio of sizes).

    The factors are the book's: 1/σ of offsets with standard deviations 0.1 and 0.2, as in Liu et al. 2016 (SSD).

    Shape:   anchors (N, 4), boxes or offsets (N, 4) -> (N, 4)
    """
    anchor, box = box_corner_to_center(anchors), box_corner_to_center(assigned_bb)
    # 10 and 5 are the book's: 1/0.1 and 1/0.2, so that offsets are of order 1
    shift = 10 * (box[:, :2] - anchor[:, :2]) / anchor[:, 2:]
    stretch = 5 * torch.log(eps + box[:, 2:] / anchor[:, 2:])  # log: half and twice the size are equally far
    return torch.cat([shift, stretch], dim=1)


def offset_inverse(anchors: Tensor, offset_preds: Tensor) -> Tensor:
    """Return the boxes at the given offsets from the anchors; the inverse of ``offset_boxes`` except for its eps.

    Shape:   anchors (N, 4), boxes or offsets (N, 4) -> (N, 4)
    """
    anchor = box_corner_to_center(anchors)
    centre = offset_preds[:, :2] * anchor[:, 2:] / 10 + anchor[:, :2]
    size = torch.exp(offset_preds[:, 2:] / 5) * anchor[:, 2:]  # exp undoes the log: a size is never negative
    return box_center_to_corner(torch.cat([centre, size], dim=1))


def multibox_target(anchors: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the targets of the anchors for a batch of images.

    Shape:   anchors (1, N, 4), labels (B, M, 5) -> offsets (B, 4N), mask (B, 4N), classes int64 (B, N); a label is
        class and box, the mask is 0 for anchors without a box, class 0 is the background
    """
    anchors = anchors.squeeze(0)  # (1, N, 4), the same for all images
    offsets, masks, classes = [], [], []
    for label in labels:
        assigned = assign_anchor_to_bbox(label[:, 1:], anchors, anchors.device)
        is_found = assigned >= 0
        mask = is_found.float()[:, None].expand(-1, 4)  # (N, 4): 1 for anchors with a box
        own = label[assigned.clamp(min=0)]  # −1 would read the last label; the mask takes it out
        boxes = own[:, 1:].float() * mask
        offsets.append((offset_boxes(anchors, boxes) * mask).reshape(-1))
        masks.append(mask.reshape(-1))
        # 0 is the background, so classes move up by one
        classes.append(torch.where(is_found, own[:, 0].long() + 1, 0))
    return torch.stack(offsets), torch.stack(masks), torch.stack(classes)  # (B, 4N), (B, 4N), (B, N)


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    """Return the boxes to keep, best first: none overlaps a better one by more than ``iou_threshold``.

    Shape:   boxes (N, 4), scores (N,) -> int64 (K',)
    """
    from torchvision.ops import nms as suppress

    return suppress(boxes, scores, iou_threshold)


def multibox_detection(
    cls_probs: Tensor,
    offset_preds: Tensor,
    anchors: Tensor,
    nms_threshold: float = 0.5,
    pos_threshold: float = 0.009999999,
) -> Tensor:
    """Turn predictions for a batch of images into boxes; the kept ones come first, best first.

    Args:
        pos_threshold: below this confidence a box is background, with the complement as its confidence.
    Shape:   cls_probs (B, K, N), offset_preds (B, 4N), anchors (1, N, 4) -> (B, N, 6); K counts the background, and a
        row is class (−1 for background and suppressed boxes), confidence, box
    """
    anchors = anchors.squeeze(0)
    images = []
    for probabilities, offsets in zip(cls_probs, offset_preds, strict=True):
        # [1:] leaves the background out
        confidence, kind = probabilities[1:].max(dim=0)  # (N,), (N,)
        boxes = offset_inverse(anchors, offsets.reshape(-1, 4))  # (N, 4)
        keep = nms(boxes, confidence, nms_threshold)
        is_dropped = torch.ones(len(boxes), dtype=torch.bool, device=boxes.device)
        is_dropped[keep] = False
        kind[is_dropped] = -1
        # kept ones first, best first; the others as they stand
        order = torch.cat([keep, is_dropped.nonzero().reshape(-1)])
        kind, confidence, boxes = kind[order], confidence[order], boxes[order]
        is_low = confidence < pos_threshold
        kind = torch.where(is_low, -1, kind)
        confidence = torch.where(is_low, 1 - confidence, confidence)  # then this is how sure the background is
        images.append(torch.cat([kind[:, None], confidence[:, None], boxes], dim=1))  # (N, 6): class, confidence, box
    return torch.stack(images)


def read_data_bananas(is_train: bool = True) -> tuple[list[Tensor], Tensor]:
    """Read the banana images and their labels: class and box.

    Shape:   -> uint8 (3, 256, 256), labels (N, 1, 5); the images are a list of N

    Raises:  FathomError if the data set can be had neither here nor from the network
    """
    import pandas as pd

    folder = os.path.join(download_extract("banana-detection"), "bananas_train" if is_train else "bananas_val")
    table = pd.read_csv(os.path.join(folder, "label.csv")).set_index("img_name")
    images = read_images(os.path.join(folder, "images", str(name)) for name in table.index)
    return images, torch.from_numpy(table.to_numpy()).unsqueeze(1) / 256  # boxes are in pixels of 256 × 256


class BananasDataset(Rows):
    """The bananas in memory, and their labels.

    Shape:   sample: float32 (3, 256, 256) in 0…255, (1, 5): class and box
    """

    def __init__(self, is_train: bool) -> None:
        images, self.labels = read_data_bananas(is_train)
        self.features = torch.stack(images)
        super().__init__(self.features, self.labels, transform=Tensor.float)
        print(f"read {len(self)} {'training' if is_train else 'validation'} examples")


def load_data_bananas(batch_size: int) -> tuple[DataLoader[Any], DataLoader[Any]]:
    """Return loaders of the training split, shuffled, and the validation split of the bananas."""
    return (
        make_loader(BananasDataset(is_train=True), batch_size, shuffle=True),
        make_loader(BananasDataset(is_train=False), batch_size, shuffle=False),
    )
