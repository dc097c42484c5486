"""``fathom.load(run)``: a trained model as one object that predicts, is evaluated and exported."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from fathom.build.failures import readable_failures
from fathom.build.given.data import is_array
from fathom.build.kinds.base import Kind
from fathom.build.kinds.detection import get_kind, kind_of
from fathom.build.opening import open_split
from fathom.data.tables.converted import is_frame
from fathom.errors import UsageError, unknown
from fathom.inference.array_predictions import predict_arrays
from fathom.inference.predictions import PredictionRequest
from fathom.inference.ranking import Row
from fathom.inference.results import PredictionTable, Scores
from fathom.inference.saved import class_names_of, load_module
from fathom.losses import provided_loss
from fathom.models import registry
from fathom.models.own_code import import_code, provided
from fathom.module import Module
from fathom.phrases import counted
from fathom.recipes.evaluate import SPLITS
from fathom.recipes.evaluate_files import evaluate_files
from fathom.runs.folder.lookup import resolve_run
from fathom.runs.folder.reader import RunReader
from fathom.runs.html.markup import element, join, pairs
from fathom.runs.html.pages.report import write_report
from fathom.settings.config import Config
from fathom.settings.reading import read_config

if TYPE_CHECKING:
    from torch import nn

    from fathom.data.tables.layer import TableInput


class LoadedModel:
    """The model of a run, with its best weights.

    Attributes:
        path: the run's folder.
        net: the network alone, a plain ``nn.Module``.
        module: the network with its preprocessing.
        class_names: () of a regression.
    """

    def __init__(
        self, path: Path, module: Module, description: Mapping[str, Any], device: str = "auto", loss: Any = None
    ) -> None:
        self.path, self.module, self.description, self.device = path, module, dict(description), device
        self.loss = loss  # a function of the user's own, which no run folder holds
        # a regressor has no such attribute
        self.class_names: tuple[str, ...] = tuple(getattr(module, "class_names", ()))

    @property
    def net(self) -> nn.Module:
        """The network."""
        return self.module.net

    @property
    def config(self) -> Config:
        """The settings of the run."""
        return read_config(self.path)

    def predict(self, inputs: Any, *, top: int = 1) -> PredictionTable:
        """Predict new data.

        Args:
            inputs: a path, or several: images and folders, files of rows, texts; an array or tensor of samples; a
                DataFrame, or rows in an array, of a model of tables; a text, of a language model.
            top: how many classes to give, the most probable first.
        Raises:  UsageError for inputs that the model does not read; FathomError if they cannot be read
        """
        reads = self.description["input"]["kind"]  # image, features, table or tokens
        with tempfile.TemporaryDirectory(prefix="fathom-") as folder:
            if is_frame(inputs) or (reads == "table" and is_array(inputs)):
                inputs = [self._frame(inputs)]
            elif is_array(inputs) and not _is_texts(inputs):  # before the texts: nested lists of numbers are samples
                return predict_arrays(self.module, self.description, inputs, top=top, device=self.device)
            elif reads == "tokens":
                inputs = _text_files(inputs, Path(folder))  # a bare string may be a text or a path
            paths = [inputs] if isinstance(inputs, (str, Path)) else list(inputs)
            kind = self._kind()
            model = kind.model_of_run(self.module, self.description, self.path, self.device)
            with readable_failures():
                found = kind.predict(model, PredictionRequest(self.path, paths, top))
                rows = [_renamed(row, Path(folder)) for row in found.rows]  # before the folder goes
                return PredictionTable(found.columns, rows)

    def evaluate(self, data: Any = "test") -> Scores:
        """Evaluate on a split of the run's own data, or on other labelled data.

        Args:
            data: "train", "val" or "test"; (X, y) of arrays; a data set or a loader; a DataFrame, or the path of a CSV,
                with the target among its columns, of a model of tables; the path of a folder of class folders, of a
                model of images.
        Raises:  UsageError for anything else, or labels that the model does not know
        """
        if isinstance(data, (str, Path)) and data not in SPLITS and self.description["input"]["kind"] == "image":
            return self._evaluate_folder(data)
        if not (isinstance(data, str) and data in SPLITS) and (is_frame(data) or isinstance(data, (str, Path))):
            return self._evaluate_rows(data)
        with nullcontext() if self.loss is None else provided_loss(self.loss):
            return self._evaluate_batches(data)

    def _evaluate_batches(self, data: Any) -> Scores:
        if isinstance(data, str):
            return self._evaluate_split(data)
        from fathom.build.given.labelled import evaluate_labelled_batches

        return Scores(evaluate_labelled_batches(self.module, self.description, self.config, data, self.device))

    def export(self, path: str | Path | None = None, **options: Any) -> Path:
        """Write the model as one file that needs no Fathom; options as for ``fathom export``.

        Args:
            path: ending in ``.onnx`` or ``.pt2``; None is ``model.onnx`` in the run's folder.
        """
        from fathom.export.export import export

        # named by the ending, so that no option is needed
        format = "torch" if path is not None and Path(path).suffix == ".pt2" else "onnx"
        self.module.to("cpu")
        # a network given as an object is in no registry: its name stands for it meanwhile
        with provided(self.net, self.description["model"]["name"]):
            return Path(export(self.path, options.pop("format", format), path, **options)["path"])

    def report(self) -> Path:
        """Write ``report.html`` of the run anew, and return its path."""
        return write_report(self.path)

    def _kind(self) -> Kind:
        reads = self.description["input"]["kind"]
        # features: arrays that are no images; the same adapter serves them
        found = {"image": "images", "features": "images", "table": "tables", "tokens": "texts"}
        return get_kind(found[reads])

    def _frame(self, inputs: Any) -> Any:
        """Return rows as a frame with the columns that the model was trained on."""
        if is_frame(inputs):
            return inputs
        import numpy as np
        import pandas as pd

        names = [column.name for column in self._table().columns]
        rows = np.atleast_2d(np.asarray(inputs))  # a single row may be given as (D,)
        if rows.shape[1] != len(names):
            raise UsageError(f"the rows have {rows.shape[1]} cells, and the model reads {', '.join(names)}")
        return pd.DataFrame(rows, columns=names)

    def _table(self) -> Any:
        return cast("TableInput", self.module.preprocess).description

    def _evaluate_split(self, split: str) -> Scores:
        kind, name = kind_of(self.config), self.config.model.name
        # what is asked about the network's name while data are read, as whether it was made for small images
        with nullcontext() if registry.is_known(name) else provided(self.net, name):
            data = kind.build(self.config)
        try:
            with readable_failures():
                batches, execution = open_split(self.module, self.config, data, split, self.device)
                return Scores(kind.evaluate(self.module, data, split, batches, execution).summary)
        finally:
            data.close()

    def _evaluate_folder(self, data: str | Path) -> Scores:
        """Label images whose folders say what they are, and compare."""
        name = self.description["model"]["name"]
        with nullcontext() if registry.is_known(name) else provided(self.net, name):
            return Scores(evaluate_files(self.path, data, device=self.device)[0])

    def _evaluate_rows(self, data: Any) -> Scores:
        """Predict rows whose target is known, and compare."""
        if self.description["input"]["kind"] != "table":
            raise UsageError(
                f"evaluate: give a split ({', '.join(SPLITS)}), (X, y), a data set or a loader; a file of rows, or a "
                "DataFrame, is for models of tables"
            )
        from fathom.build.given.labelled import score_rows
        from fathom.data.tables.reading import read_table

        target: str = self._table().target
        # the target tells, where a file has no header, which reading is right
        frame = data if is_frame(data) else read_table(data, target=target).frame
        if target not in frame.columns:
            raise unknown("column", target, list(map(str, frame.columns)))
        return Scores(score_rows(self.predict(data), frame[target], target, list(self.class_names)))

    def _facts(self) -> list[tuple[str, str]]:
        run = RunReader(self.path)
        model, best = self.description["model"], run.best()
        outputs = f"{len(class_names_of(self.description))} classes" if self.class_names else self.description["kind"]
        facts = [
            ("network", f"{model['name']}, {counted(self.description['parameters'], 'parameter')}"),
            ("reads", f"{self.description['input']['kind']} {' × '.join(map(str, model['input_shape']))}"),
            ("gives", outputs),
            ("run", f"{self.path}, {run.status}" + (f", best epoch {best.epoch}" if best else "")),
        ]
        test = Scores(run.evaluation or {}).numbers()  # empty without a test split
        return facts + ([("test", ", ".join(f"{k} {v:.4g}" for k, v in test.items()))] if test else [])

    def __repr__(self) -> str:
        return "\n".join(f"{name:<8}{value}" for name, value in self._facts())

    def _repr_html_(self) -> str:
        report = self.path / "report.html"
        link = element("p", element("a", "report", href=report.absolute().as_uri())) if report.is_file() else ""
        # links work only where the notebook runs: the path is of this machine
        return str(join([pairs(self._facts()), link]))


def load(run: str | Path, *, net: nn.Module | str | None = None, device: str = "auto", loss: Any = None) -> LoadedModel:
    """Load the model of a run, with its best weights.

    Args:
        run: the run folder, its name in ``runs/``, or "last".
        net: where the network was an object given from Python, another of its class, which gets the weights; where it
            is code of your own, "package.module:function". A run folder by itself imports nothing.
        device: where it computes.
        loss: the function again, where the loss was one; only evaluating needs it.
    Raises:  FathomError naming what is missing or damaged, or what to give as ``net``

    >>> fathom.load("last").predict("photos/")  # doctest: +SKIP
    """
    path = resolve_run(run)
    if isinstance(net, str):
        import_code(net)  # importing registers the network under its own name
    if net is None or isinstance(net, str):
        return LoadedModel(path, *load_module(path), device, loss)
    from fathom.inference.saved import read_description

    with provided(net, read_description(path)["model"]["name"]):
        return LoadedModel(path, *load_module(path), device, loss)


def predict_given(run: str | Path, inputs: Any, *, top: int = 1, device: str = "auto") -> tuple[list[str], Any]:
    """Return the columns and rows of ``predict`` for an array or a tensor."""
    found = load(run, device=device).predict(inputs, top=top)
    return found.columns, iter(found)


def _is_texts(inputs: Any) -> bool:
    return isinstance(inputs, list) and all(isinstance(part, (str, Path)) for part in inputs)


def _renamed(row: Row, folder: Path) -> Row:
    """Return a row without the place of a file that was written for it."""
    file = row.get("file")  # of a text given as a string only its number is left
    return row | {"file": Path(file).stem} if isinstance(file, str) and Path(file).parent == folder else row


def _text_files(inputs: Any, folder: Path) -> list[Path]:
    """Return files of texts: those named, and one for each text that names none."""
    files = []
    for i, part in enumerate([inputs] if isinstance(inputs, (str, Path)) else inputs):
        # 256: about the longest file name; a longer string raises OSError in exists()
        is_file = isinstance(part, Path) or ("\n" not in part and len(part) < 256 and Path(part).exists())
        if not is_file:
            path = folder / f"text-{i + 1}.txt"
            path.write_text(part, encoding="utf-8")
            part = path
        files.append(Path(part))
    return files
