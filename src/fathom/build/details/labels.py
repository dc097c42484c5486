"""How good a model of labels is on a split: figures of each label, and the commonest set of labels as a baseline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from torch import Tensor

NO_LABELS = "none"  # what stands where a sample has no label


def summarize_labels(predicted: Tensor, target: Tensor, names: Sequence[str]) -> dict[str, Any]:
    """Return what ``evaluation.json`` says of labels.

    "accuracy" is the share of samples all of whose labels are right, "label_accuracy" the share of labels that are;
    "f1_micro" counts all labels together, "f1_macro" is the mean over the labels.

    Shape:   predicted, target int64 (N, L) of 0 and 1
    Equals:  sklearn.metrics.accuracy_score, 1 − hamming_loss, f1_score(average="micro" and "macro"),
        precision_recall_fscore_support(average=None)
    """
    hits = predicted == target  # (N, L)
    rows: list[dict[str, Any]] = []
    for k, name in enumerate(names):
        # of one label: true positives, times predicted, times true
        found, said, true = (
            int(n) for n in ((predicted * target)[:, k].sum(), predicted[:, k].sum(), target[:, k].sum())
        )
        rows.append(
            {
                "label": name,
                "accuracy": float(hits[:, k].double().mean()),
                "precision": found / said if said else 0.0,
                "recall": found / true if true else 0.0,
                "f1": 2 * found / (said + true) if said + true else 0.0,  # 2·TP / (2·TP + FP + FN)
                "support": true,
                "predicted": said,
            }
        )
    # of all labels at once: micro averages
    found, said, true = (int(part.sum()) for part in (predicted * target, predicted, target))
    # most frequent row of the target: what to say without looking
    (commonest, times), *_ = Counter(map(tuple, target.tolist())).most_common(1)
    return {
        "accuracy": float(hits.all(1).double().mean()),  # every label of a sample right
        "label_accuracy": float(hits.double().mean()),
        "f1_micro": 2 * found / (said + true) if said + true else 0.0,
        "f1_macro": sum(row["f1"] for row in rows) / len(rows),
        "class_names": list(names),
        "per_label": rows,
        "commonest_labels": {"labels": join_labels(commonest, names), "share": times / len(target)},
    }


def join_labels(holds: Sequence[int], names: Sequence[str], empty: str = NO_LABELS) -> str:
    """Return the names of the labels that hold, with a bar between them.

    >>> join_labels([1, 0, 1], ["cat", "dog", "sun"]), join_labels([0, 0], ["cat", "dog"])
    ('cat|sun', 'none')
    """
    return "|".join(name for name, is_there in zip(names, holds, strict=True) if is_there) or empty
