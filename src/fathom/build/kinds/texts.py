"""Texts: one long sequence of characters or words, and language models of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from fathom.build.kinds.base import Kind, OnRead
from fathom.build.kinds.places import check_file, pin_data, refuse_file_options, refuse_foreign
from fathom.build.remote import has_versions, localize, original_names
from fathom.build.results import EvaluationDetails, SplitResult
from fathom.data.sources import catalog
from fathom.errors import FathomError, UsageError
from fathom.files import expand_home
from fathom.settings.config import DataConfig, replace_in, resolved

if TYPE_CHECKING:
    from torch import nn

    from fathom.choices import Task
    from fathom.data.checks import DataCheck
    from fathom.data.module import LabelledData
    from fathom.data.texts.module import TextData
    from fathom.data.texts.reading import TextFile
    from fathom.inference.onnx_file import OnnxModel
    from fathom.inference.predictions import PredictionRequest, Predictions
    from fathom.inference.text_model import TextModel
    from fathom.module import LanguageModel, Module
    from fathom.preprocess import Preprocess
    from fathom.settings.config import Config
    from fathom.settings.settings import Settings
    from fathom.training.device import Execution

_FORM = {"level": "char", "steps": 64, "partition": "sequential"}  # unless user or catalog says otherwise
_TOKENS_SEEN = 3e6  # in training, unless epochs are given: minutes on two cores
_MOST_EPOCHS = 40


class TextsKind(Kind):
    """A text for a language model."""

    name, noun = "texts", "a text"
    option_names = (
        *("level", "lower", "clean", "reserved", "normalize", "min_freq", "steps", "partition", "test", "encoding"),
    )

    def validate(self, settings: Settings) -> None:
        """Refuse a missing file and unknown options."""
        refuse_foreign(settings)
        refuse_file_options(settings)
        super().validate(settings)
        name = settings.get("data.name")
        if not catalog.is_text(name):
            check_file(name)

    def default_settings(self) -> Mapping[str, Any]:
        """Return a network of gated recurrent units."""
        return {"model": {"name": "gru"}}

    def task(self, name: str) -> Task:
        """Return the task."""
        return "language"

    def options(self, name: str, model: str, chosen: Mapping[str, Any]) -> dict[str, Any]:
        """Return how the text is cut into tokens and served."""
        return _FORM | catalog.text_form(name) | dict(chosen)  # the user over the catalog over the defaults

    def batch_size(self, name: str) -> int | None:
        """Return the batch size of a text known by name: the book's, section 9.5."""
        return 32 if catalog.is_text(name) else None

    def epochs(self, name: str) -> int | None:
        """Return the epochs of a text known by name."""
        return 20 if catalog.is_text(name) else None

    def pin(self, data: DataConfig) -> DataConfig:
        """Return an absolute path and a pinned version."""
        return data if catalog.is_text(data.name) else pin_data(data)

    def read(self, data: DataConfig) -> TextFile | None:
        """Return the text and its encoding."""
        if not has_versions(data):
            return None
        local = localize(data)
        with original_names(data, local):
            return _read_text(local)

    def build(self, config: Config, contents: Any = None, on_read: OnRead | None = None) -> LabelledData:
        """Make the data module.

        Raises:  UsageError for settings of images, or an invalid option
        """
        from fathom.build.divisions import make_division
        from fathom.data.texts.module import TextData
        from fathom.data.texts.options import TextOptions

        given = config.data
        if given.augment or config.training.input_noise or given.resize is not None:
            raise UsageError(f"{given.name} is a text; --augment, --resize and input noise are for images")
        local = localize(given)
        with original_names(given, local):
            options = dict(local.options)
            options.pop("encoding", None)  # only reading needs it
            shares = {"test": options.pop("test")} if "test" in options else {}  # absent: TextData's own share
            return TextData(
                _read_text(local) if contents is None else contents,
                local.batch_size,
                name=Path(local.name).name,
                options=TextOptions(**options),
                val=make_division(config),
                seed=config.seed,
                **shares,
            )

    def check(self, data: LabelledData) -> DataCheck:
        """Return what to know of the data before training on it."""
        from fathom.data.texts.checks import check_text

        return check_text(cast("TextData", data))

    def finalize(self, config: Config, data: LabelledData) -> Config:
        """Fill in batch size, and epochs by the length of the text."""
        config = super().finalize(config, data)
        if config.training.epochs is not None:
            return config
        epochs = max(1, min(_MOST_EPOCHS, round(_TOKENS_SEEN / data.num_train)))
        return replace_in(config, training={"epochs": epochs})

    def wrap(self, net: nn.Module, config: Config, data: LabelledData, preprocess: Preprocess) -> Module:
        """Wrap a network with the vocabulary that numbers its tokens."""
        from fathom.module import LanguageModel

        text = cast("TextData", data)
        return LanguageModel(
            net,
            tokens=text.vocabulary.tokens,
            tokenizer=text.tokenizer.describe(),
            encoding=text.encoding,
            loss=resolved(config.training.loss),
        )

    def check_model(self, module: Module, data: LabelledData, *, is_own: bool = True) -> None:
        """Refuse a text with another vocabulary: its splits are not those that the model was trained on."""
        super().check_model(module, data, is_own=is_own)
        model, text = cast("LanguageModel", module), cast("TextData", data)
        # the tokeniser too: equal tokens may be cut otherwise
        if tuple(model.tokens) != text.vocabulary.tokens or model.tokenizer != text.tokenizer.describe():
            raise FathomError(
                f"{data.name} has changed since this model was trained, so its splits are not the same; "
                "use fathom predict on a text that the model has not seen"
            )

    def evaluate(
        self, module: Module, data: LabelledData, split: str, batches: Iterable[Any], execution: Execution
    ) -> SplitResult:
        """Return loss and perplexity over the tokens."""
        from fathom.build.details.texts import evaluate_text

        return SplitResult(evaluate_text(module, cast("TextData", data), split, batches, execution))

    def collect_details(
        self, module: Module, data: LabelledData, evaluation: SplitResult, folder: Path
    ) -> EvaluationDetails:
        """Return samples of what the model writes."""
        from fathom.build.details.texts import write_samples

        return EvaluationDetails({"samples": write_samples(cast("LanguageModel", module), cast("TextData", data))})

    def model_of_run(self, module: Module, description: Mapping[str, Any], run: Path, device: str) -> TextModel:
        """Return a run's language model."""
        from fathom.inference.run_models import RunTextModel
        from fathom.training.device import find_device

        return RunTextModel(cast("LanguageModel", module.to(find_device(device)).eval()))

    def model_of_export(self, exported: OnnxModel) -> TextModel:
        """Return an exported language model."""
        from fathom.inference.text_model import OnnxTextModel

        return OnnxTextModel(exported)

    def predict(self, model: TextModel, request: PredictionRequest) -> Predictions:
        """Return the perplexity of lines."""
        from fathom.inference.line_perplexity import predict_texts

        request.refuse_label_file("texts")
        return predict_texts(model, request)


def _read_text(data: DataConfig) -> TextFile:
    """Read a text known by name, or a file in the encoding given by its options, or found."""
    from fathom.data.texts.reading import TextFile, read_text

    if catalog.is_text(data.name):
        return TextFile(catalog.load_text(data.name))
    return read_text(expand_home(data.name), data.options.get("encoding"))
