"""``fathom predict`` as a function: predictions for images, tables and texts, by a run's model or an exported one.

An ``.onnx`` file needs no torch, a run folder does. Reading and writing are the same for both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from fathom.build.failures import readable_failures
from fathom.build.given.data import is_array
from fathom.data.tables.converted import is_frame
from fathom.errors import UsageError
from fathom.findings import Finding
from fathom.inference.image_inputs import LabelFileOptions, label_file_options
from fathom.inference.prediction_file import choose_format, write_rows
from fathom.inference.predictions import PredictionRequest, Predictions, Score
from fathom.inference.ranking import Row
from fathom.inference.submission import fill_sample, read_sample
from fathom.outputs import check_output
from fathom.recipes.opened import answer, open_model


class PredictionCounts(NamedTuple):
    """Number of predictions and of failures, what they are (in the plural), how many were right, what was found."""

    good: int
    bad: int
    what: str
    score: Score | None
    findings: Sequence[Finding] = ()


def predict(
    run: str | Path,
    inputs: Any,
    *,
    top: int = 1,
    device: str = "auto",
    images: str | Path | None = None,
    file_column: str | None = None,
    label_column: str | None = None,
    encoding: str | None = None,
) -> tuple[list[str], Iterator[Row]]:
    """Label images, all images in folders, or the rows of files, with the model of a run or an exported one.

    Args:
        run: the run folder, its name in ``runs/``, "last", or an ``.onnx`` file that ``fathom export`` wrote.
        inputs: images and folders, local or remote; "-" stands for a list of images on
            standard input, one per line. For a model of a table, what ``predict_rows`` takes. From Python an array, a
            tensor or a DataFrame too, see ``LoadedModel.predict``.
        top: how many classes to give, the most probable first.
        images: the folder, or an archive of it, of the images that a file of rows among the inputs names.
        file_column, label_column: of such a file; None finds them, if there are labels.
        encoding: of texts and tables; None finds it: a text that is no UTF-8 is taken to be as the training text was.
    Returns: the names of the columns, and an iterator of one row per image: file, label and probability (then
        label_2, probability_2, …), of labels those that hold and the probability of each, or a number, and error; a
        failed image has only an error; for a table see ``predict_rows``, for a text ``predict_texts``
    Raises:  UsageError if the model reads none of the inputs, ``top`` is out of range or a folder has no images;
        FathomError if the model cannot be read
    """
    # a list is one of paths; lists of numbers go through LoadedModel
    if is_array(inputs) and not is_frame(inputs) and not isinstance(inputs, list):
        from fathom.recipes.loaded import predict_given

        return predict_given(run, inputs, top=top, device=device)
    inputs = [inputs] if isinstance(inputs, (str, Path)) or is_frame(inputs) else inputs
    label_file = label_file_options(images, file_column, label_column)
    predictions = open_predictions(run, inputs, top=top, device=device, label_file=label_file, encoding=encoding)
    return predictions.columns, predictions.rows


def open_predictions(
    run: str | Path,
    inputs: Sequence[str | Path],
    *,
    top: int = 1,
    device: str = "auto",
    label_file: LabelFileOptions | None = None,
    encoding: str | None = None,
) -> Predictions:
    """Return the rows of ``predict``, with what is known about them beforehand."""
    return answer(PredictionRequest(run, inputs, top, label_file, encoding), device)[1]


class SubmissionCounts(NamedTuple):
    """Number of rows that were written, what stands in them, what was found."""

    rows: int
    note: str
    findings: Sequence[Finding]


def write_submission(
    request: PredictionRequest,
    sample: str | Path,
    out: str | Path | None = None,
    *,
    device: str = "auto",
    watch: Callable[[Predictions], Iterable[Row]] = lambda predictions: predictions.rows,
) -> SubmissionCounts:
    """Write predictions in the form of a competition's sample file: its columns, order and ids.

    Labels, probabilities or numbers are written as the sample has them.

    Args:
        request: its inputs hold all samples that the sample file lists.
        watch: passes the rows on, and may show progress.
    Raises:  as ``predict``; FathomError for ids that do not match, and then nothing is written
    """
    if out is not None:
        check_output(out)  # refused before the predictions, which may take long
    with readable_failures():
        form = read_sample(sample)
        kind, model, shown = open_model(request.model, device)
        if not hasattr(model, "class_names"):
            raise UsageError("--submission is for models of images and of tables")
        names = model.class_names
        # a sample file may ask for the probability of any class; of labels each has its own column
        top = len(names) if names and not model.multilabel else 1
        predictions = kind.predict(model, replace(request, model=shown, top=top, id_column=form.columns[0]))
        # of a number its column, the last before "error"
        answer = "" if names else next(name for name in reversed(predictions.columns) if name != "error")
        rows, note = fill_sample(form, watch(predictions), model, answer)
        write_rows(form.columns, rows, out, "csv")
    return SubmissionCounts(len(rows), note, predictions.findings())


def predict_to_file(
    request: PredictionRequest,
    out: str | Path | None = None,
    *,
    device: str = "auto",
    format: str | None = None,
    watch: Callable[[Predictions], Iterable[Row]] = lambda predictions: predictions.rows,
) -> PredictionCounts:
    """Write the rows of ``predict`` to ``out``, or to standard output.

    Args:
        format: csv, excel, json or jsonl; None goes by the ending of ``out``, and is CSV without one.
        watch: passes the rows on, and may show progress.
    Raises:  as ``predict``; FathomError if ``out`` cannot be written, and then nothing is
    """
    format = choose_format(format, out)
    if out is not None:  # before the model is read: a wrong path costs nothing
        check_output(out)
    with readable_failures():
        predictions = answer(request, device)[1]
        # lazy: reading, predicting and writing go on together
        good, bad = write_rows(predictions.columns, watch(predictions), out, format)
    return PredictionCounts(good, bad, predictions.what, predictions.score, predictions.findings())
