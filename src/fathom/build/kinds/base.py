"""A kind of data: one object that knows how its data is checked, read, built and evaluated.

Code that trains, evaluates, searches or compares asks this object, and never which kind it is. The methods in the first
half are called before torch is imported, so an adapter's file imports it inside the methods of the second half only.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from fathom.build.results import EvaluationDetails, SplitResult
from fathom.errors import FathomError, UsageError, unknown

if TYPE_CHECKING:
    from torch import nn

    from fathom.choices import Task
    from fathom.data.checks import DataCheck
    from fathom.data.module import LabelledData
    from fathom.inference.onnx_file import OnnxModel
    from fathom.inference.predictions import PredictionRequest, Predictions
    from fathom.module import Module
    from fathom.preprocess import Preprocess
    from fathom.settings.config import Config, DataConfig
    from fathom.settings.settings import Settings
    from fathom.training.device import Execution

OnRead = Callable[[int, int], None]
"""Called with (files read, files in all) while files are decoded."""

_FITTING_LOSSES = {"classification": "cross_entropy or multi_margin", "regression": "squared, huber or l1"}
_CLASS_LOSSES = ("cross_entropy", "multi_margin")  # they take a class; the others take numbers
_LOG_LOSS = "bce_with_logits"  # of one output for two classes, or of an output for each label


class Kind(ABC):
    """One kind of data; subclasses are stateless, one object each."""

    name: ClassVar[str]
    noun: ClassVar[str]  # what a sample is called, in the plural
    option_names: ClassVar[tuple[str, ...]] = ()  # of data.options
    holds_images: ClassVar[bool] = False
    has_plain_features: ClassVar[bool] = False  # few, and of equal scale: plain SGD learns a linear model of them
    depends_on_network: ClassVar[bool] = False  # whether the network decides how samples are encoded
    serves_any_batch_size: ClassVar[bool] = False  # whether a data module that was built may serve other batches
    inherited_by_student: ClassVar[
        tuple[str, ...]
    ] = ()  # further settings of the data that a student takes from its teacher

    # Before torch ---------------------------------------------------------------------------------------------------

    def claims(self, settings: Settings) -> bool:
        """Whether the data that the settings name is of this kind; asked of kinds that were registered."""
        return False  # built-in ones go by name and ending

    def validate(self, settings: Settings) -> None:
        """Refuse missing data and unknown options, before anything heavy is imported.

        Raises:  UsageError
        """
        for option in settings.get("data.options", {}):
            if option not in self.option_names:  # an empty tuple: the kind has no options
                raise unknown(f"option of {self.noun}", option, self.option_names)

    def default_settings(self) -> Mapping[str, Any]:
        """Return the settings that suit this kind of data if no network is named."""
        return {}

    def task(self, name: str) -> Task | None:
        """Return the task, by the name of the data; None if that depends on the data."""
        return None

    def options(self, name: str, model: str, chosen: Mapping[str, Any]) -> dict[str, Any]:
        """Return the data's options with the missing ones filled in."""
        return dict(chosen)

    def batch_size(self, name: str) -> int | None:
        """Return the default batch size; None if it depends on the number of samples."""
        return None

    def epochs(self, name: str) -> int | None:
        """Return the default epochs; None if they depend on the number of samples."""
        return None

    def pin(self, data: DataConfig) -> DataConfig:
        """Return the same data by absolute paths and pinned versions, so that a run can be resumed from anywhere.

        Raises:  UsageError, FathomError if remote data cannot be fetched or an archive not unpacked
        """
        return data

    def read(self, data: DataConfig) -> Any:
        """Return what can be read before torch is imported: arrays, a table, a text, a list of files.

        None as long as the version of remote data is not pinned, see ``pin``.

        Raises:  UsageError, FathomError as the reader of this kind
        """
        return None

    # With torch -----------------------------------------------------------------------------------------------------

    @abstractmethod
    def build(self, config: Config, contents: Any = None, on_read: OnRead | None = None) -> LabelledData:
        """Make the data module.

        Args:
            contents: what ``read`` returned; None reads now.
            on_read: called with (files read, files in all) while files are decoded.
        """

    def finalize(self, config: Config, data: LabelledData) -> Config:
        """Return the configuration with what depends on the data filled in: batch size, epochs, chosen options."""
        from fathom.settings.config import replace_in

        return replace_in(config, data={"batch_size": data.batch_size})  # data chose it, by the number of samples

    def config_for_check(self, config: Config) -> Config:
        """Return the configuration that a check reads the data with: faults of the data must not stop the check."""
        return config

    def build_for_check(self, config: Config, on_read: OnRead | None = None) -> LabelledData:
        """Make the data module to look into, whatever training would stop at."""
        return self.build(config, on_read=on_read)

    @abstractmethod
    def check(self, data: LabelledData) -> DataCheck:
        """Return what to know of the data before training on it."""

    def num_outputs(self, config: Config, data: LabelledData) -> int:
        """Return how many outputs the network has: one for two classes where the loss is a log-loss."""
        is_binary = config.training.loss == _LOG_LOSS and data.task == "classification" and not data.multilabel
        # one logit, p = σ(z), says as much as two
        return 1 if is_binary and data.num_outputs == 2 else data.num_outputs

    def wrap(self, net: nn.Module, config: Config, data: LabelledData, preprocess: Preprocess) -> Module:
        """Wrap a network in the module that the data's task needs.

        Raises:  UsageError if the loss does not fit the task
        """
        from fathom.module import Classifier, Regressor

        loss = config.training.loss
        _check_loss(loss, data)
        if data.task == "regression":
            return Regressor(net, loss=loss, preprocess=preprocess, target=data.target_scale())
        return Classifier(
            net,
            class_names=data.class_names,
            loss=loss,
            label_smoothing=config.training.label_smoothing,
            class_weights=data.class_weights(),
            preprocess=preprocess,
        )

    def check_model(self, module: Module, data: LabelledData, *, is_own: bool = True) -> None:
        """Refuse to evaluate a model on data that it was not made for.

        Args:
            is_own: whether the data is what the module was trained on, unchanged.
        Raises:  FathomError
        """
        learned = tuple(getattr(module, "class_names", ()))  # () of a regression, on both sides
        if data.class_names != learned:  # order matters: a class is its place
            difference = _first_difference(learned, data.class_names)
            raise FathomError(f"the classes of {data.name} are not those the model learned: {difference}")
        if is_own and not data.matches(module.preprocess):
            raise FathomError(
                f"{data.name} has changed since this model was trained, so its splits are not the same; "
                "use fathom predict on samples that the model has not seen"
            )

    def evaluate(
        self, module: Module, data: LabelledData, split: str, batches: Iterable[Any], execution: Execution
    ) -> SplitResult:
        """Return how good a module is on a split."""
        from fathom.build.summaries import evaluate_labelled

        return evaluate_labelled(module, data, split, batches, execution)

    def collect_details(
        self, module: Module, data: LabelledData, evaluation: SplitResult, folder: Path
    ) -> EvaluationDetails:
        """Return what the run's folder keeps of the test split besides the summary; images are written into it."""
        from fathom.build.summaries import collect_labelled_details

        return collect_labelled_details(module, data, evaluation, folder)

    def model_of_run(self, module: Module, description: Mapping[str, Any], run: Path, device: str) -> Any:
        """Return a run's model as ``predict`` takes it.

        Raises:  UsageError if it cannot predict for this kind of data
        """
        from fathom.inference.run_models import RunImageModel

        return RunImageModel(module, dict(description), run, device)

    def model_of_export(self, exported: OnnxModel) -> Any:
        """Return an exported model as ``predict`` takes it.

        Raises:  UsageError as ``model_of_run``
        """
        from fathom.inference.images import image_model

        return image_model(exported)

    def predict(self, model: Any, request: PredictionRequest) -> Predictions:
        """Return the rows for new data."""
        from fathom.inference.images import predict_images

        return predict_images(model, request)


def _check_loss(loss: str | None, data: LabelledData) -> None:
    """Refuse a loss that does not fit the task.

    Raises:  UsageError
    """
    from fathom.losses import PROVIDED  # which loads torch, unlike this file

    if loss in PROVIDED:  # a function of the user's own may be for anything
        return
    fitting = _LOG_LOSS if data.multilabel else _FITTING_LOSSES[data.task]
    if data.task == "classification" and loss == _LOG_LOSS:
        if data.multilabel or data.num_outputs == 2:
            return
        raise UsageError(
            f"loss {loss} is for two classes, or for labels, and {data.name} has {data.num_outputs} classes; "
            f"choose {fitting}"
        )
    if data.multilabel or (loss in _CLASS_LOSSES) != (data.task == "classification"):
        task = "labels" if data.multilabel else data.task
        raise UsageError(f"loss {loss} does not fit the {task} of {data.name}; choose {fitting}")


def _first_difference(learned: Sequence[str], found: Sequence[str]) -> str:
    if len(learned) != len(found):
        return f"{len(found)} instead of {len(learned)}"
    other, expected = next((a, b) for a, b in zip(found, learned, strict=True) if a != b)
    return f"{other!r} instead of {expected!r}"
