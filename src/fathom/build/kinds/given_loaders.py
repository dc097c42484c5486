"""Data sets and loaders that were given from Python, and that no run folder can open again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from fathom.build.kinds.base import Kind, OnRead
from fathom.build.results import EvaluationDetails, SplitResult
from fathom.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from fathom.data.checks import DataCheck
    from fathom.data.given.loader_data import LoaderData
    from fathom.data.module import LabelledData
    from fathom.module import Module
    from fathom.settings.config import Config

_EPOCHS = 10  # as for named data sets


class GivenLoadersKind(Kind):
    """Whatever gives batches (X, y)."""

    name, noun = "given_loaders", "data given from Python"

    def epochs(self, name: str) -> int:
        """Return the epochs."""
        return _EPOCHS

    def build(self, config: Config, contents: Any = None, on_read: OnRead | None = None) -> LabelledData:
        """Make the data module of what was given.

        Raises:  UsageError if nothing was
        """
        from fathom.data.given.loader_data import LoaderData

        if contents is None:  # resumed or evaluated by the command line
            raise UsageError(
                f"the data of this run, {config.data.name}, were given from Python: "
                "fathom.load(run).evaluate(data), or fathom.resume(run, data=…), takes them again"
            )
        data = config.data
        return LoaderData(contents, data.batch_size, share=data.val, seed=config.seed, loss=config.training.loss or "")

    def check(self, data: LabelledData) -> DataCheck:
        """Refuse: a check reads data from where they lie."""
        raise UsageError("data given from Python cannot be checked from the command line")

    def collect_details(
        self, module: Module, data: LabelledData, evaluation: SplitResult, folder: Path
    ) -> EvaluationDetails:
        """Return the worst mistakes and the predictions, with images where they can be found again."""
        from fathom.build.summaries import collect_labelled_details, list_predictions, worst_mistakes
        from fathom.module import Classifier

        if cast("LoaderData", data).shows_images or not isinstance(module, Classifier):
            return collect_labelled_details(module, data, evaluation, folder)
        columns, rows = list_predictions(module, data, evaluation)
        return EvaluationDetails({"mistakes": worst_mistakes(module, evaluation, 24)}, columns, rows)
