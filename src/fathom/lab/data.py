"""The samples an experiment draws from: a named set or a user's own, read by the ordinary build, as tensors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from fathom.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor

    from fathom.data.module import LabelledData
    from fathom.preprocess import Preprocess

_FEW = 200  # samples: fewer cannot be divided into training and test and still tell arms apart
_MOST_VALUES = 50_000_000  # of float32: 200 MB, what a laptop has to spare
_OPTIONS: dict[str, dict[str, Any]] = {"digits": {"size": 8}}  # as they are, not enlarged


@dataclass(frozen=True)
class Draw:
    """Samples of one seed.

    Shape:   X (N, C, H, W) or (N, F) with y (N,); X_test, y_test likewise
    """

    X: Tensor
    y: Tensor
    X_test: Tensor
    y_test: Tensor

    @property
    def flat(self) -> tuple[Tensor, Tensor]:
        """Training and test samples as rows: (N, F), (M, F)."""
        return self.X.flatten(1), self.X_test.flatten(1)


@dataclass(frozen=True)
class LabData:
    """All samples of a set, scaled by the statistics of its training split.

    Attributes:
        kind: "images" or "rows".
        X, y: the training pool; what a set without a test split of its own holds out is drawn from it too.
    """

    name: str
    kind: str
    X: Tensor
    y: Tensor
    X_test: Tensor
    y_test: Tensor
    num_classes: int

    @property
    def num_features(self) -> int:
        """Values of one sample."""
        return self.X[0].numel()

    def draw(self, seed: int, num_train: int, num_test: int) -> Draw:
        """Draw training and test samples that a seed decides; the same for all arms. Fewer where there are fewer."""
        import torch

        generator = torch.Generator().manual_seed(seed)
        train = torch.randperm(len(self.X), generator=generator)[:num_train]
        test = torch.randperm(len(self.X_test), generator=generator)[:num_test]
        return Draw(self.X[train], self.y[train], self.X_test[test], self.y_test[test])


@lru_cache(maxsize=2)  # claims of one set follow one another
def load_data(place: str, target: str | None = None) -> LabData:
    """Read a set: a name, a table with the column to predict, a folder of images.

    Raises:  UsageError for what is no classification, too small or too large; as reading does
    """
    import torch

    options = _OPTIONS.get(place, {}) | ({} if target is None else {"target": target})
    settings: dict[str, Any] = {"name": place, "val": 0.0, "options": options}
    data, preprocess = _build(settings)
    try:
        if data.task != "classification" or data.multilabel:
            raise UsageError(f"--data {place}: the lab compares classifiers; this is {data.task}")
        size = data.num_train * torch.Size(data.input_shape).numel()
        if size > _MOST_VALUES:
            raise UsageError(f"--data {place}: {size:,} values do not fit in memory; name a smaller set")
        if data.test_dataloader() is None:  # no test split of its own: a fifth takes its place
            data.close()
            data, preprocess = _build({**settings, "fold": {"index": 0, "of": 5}})
        parts = [_collect(loader, preprocess) for loader in (data.train_eval_dataloader(), data.test_dataloader())]
    finally:
        data.close()
    (X, y), (X_test, y_test) = parts
    if len(X) + len(X_test) < _FEW:
        raise UsageError(f"--data {place}: {len(X) + len(X_test)} samples; the lab needs {_FEW}")
    return LabData(place, "images" if X.ndim == 4 else "rows", X, y, X_test, y_test, data.num_outputs)


def _build(settings: Mapping[str, Any]) -> tuple[LabelledData, Preprocess]:
    from fathom.build.configure import configure
    from fathom.build.plan import draft

    drafted = draft(configure({"data": settings, "model": {"name": "mlp"}}))
    return drafted.data, drafted.module.preprocess


def _collect(loader: Any, preprocess: Any) -> tuple[Tensor, Tensor]:
    """Return all samples of a loader, preprocessed."""
    import torch

    with torch.inference_mode(False), torch.no_grad():
        batches = [(preprocess(X).float(), y) for X, y in loader]
    return torch.cat([X for X, _ in batches]), torch.cat([y for _, y in batches])
