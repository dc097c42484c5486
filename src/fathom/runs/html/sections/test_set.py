"""The parts of a report that show the test set: confusion matrix, figures for each class, worst mistakes."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any

from fathom.runs.analysis.evaluation import missing_evaluation_reason, most_confused
from fathom.runs.analysis.numbers import count, decimal, determination, percent
from fathom.runs.analysis.predictions import read_numbers
from fathom.runs.folder.reader import RunReader
from fathom.runs.folder.records import is_number
from fathom.runs.html.charts.bars import share_bar
from fathom.runs.html.charts.heat_map import heat_map
from fathom.runs.html.charts.scatter import scatter_chart
from fathom.runs.html.markup import Html, element, embedded_image, fold, join, note, table
from fathom.runs.html.page import Section
from fathom.runs.html.sections.special import show_baseline, show_text, show_worst_rows

MOST_MATRIX_CLASSES = 30  # more cells are smaller than their numbers
MOST_BESIDE_CLASSES = 12  # up to here the list fits beside the matrix
MOST_MISTAKES = 60
MOST_IMAGE_BYTES = 1 << 20  # 1 MiB: the page holds them all
MOST_SCATTER_POINTS = 1500  # more dots cover one another
PNG_START = b"\x89PNG\r\n\x1a\n"  # first eight bytes of every PNG


def show_results(run: RunReader) -> list[Section]:
    """Write the sections that the evaluation has the material for, or one that says why there is none."""
    evaluation = run.evaluation
    if evaluation is None:
        return [Section("test", "Test set", note(missing_evaluation_reason(run)))]
    if is_number(evaluation.get("perplexity")):
        return show_text(evaluation)
    if not run.is_classifier:
        section = Section("test", "Test set", _regression(run, evaluation), show_baseline(evaluation))
        parts = [section, _mistakes(run, evaluation), show_worst_rows(evaluation)]
        return [part for part in parts if part is not None]
    # None where the evaluation lacks it
    parts = [_confusion(evaluation), _classes(evaluation), _mistakes(run, evaluation), show_worst_rows(evaluation)]
    return [part for part in parts if part is not None]


def _confusion(evaluation: Mapping[str, Any]) -> Section | None:
    names, counts = evaluation.get("class_names"), evaluation.get("confusion")
    if not names or not counts:
        return None
    names = [str(name) for name in names]
    # instead of the matrix more pairs
    pairs = most_confused(dict(evaluation), 25 if len(names) > MOST_MATRIX_CLASSES else 8)
    ranked = table(
        ("True", "Predicted", "Times", "Share"),
        [(pair.label, pair.predicted, count(pair.times), percent(pair.share)) for pair in pairs],
        label="Most frequent confusions",
        text_columns=(0, 1),
    )
    if len(names) > MOST_MATRIX_CLASSES:
        why = f"With {len(names)} classes a matrix is too large to read; these are the most frequent confusions."
        return Section("confusion", "Confusions", note(why), ranked if pairs else note("No sample was misclassified."))
    total = sum(map(sum, counts))
    right = sum(counts[i][i] for i in range(len(names)))  # on the diagonal
    matrix = heat_map(
        "confusion-matrix",
        "Counts on the test set",
        counts,
        names,
        describe=f"{count(right)} of {count(total)} samples lie on the diagonal, where prediction and truth agree.",
    )
    side = element("div", element("h3", "Most frequent confusions"), ranked) if pairs else ""
    about = (
        "Rows are true classes, columns predictions; what is off the diagonal is shaded against the worst mistake. "
        "A share is of all samples of the true class."
    )
    layout = "beside" if len(names) <= MOST_BESIDE_CLASSES else "below"
    return Section("confusion", "Confusion matrix", note(about), element("div", matrix, side, class_=layout))


def _classes(evaluation: Mapping[str, Any]) -> Section | None:
    """Write the figures of each class, or of each label."""
    has_labels = bool(evaluation.get("per_label"))
    key, part = ("label", "per_label") if has_labels else ("class", "per_class")
    entries = evaluation.get(part) or []
    if not entries:
        return None

    def share(value: object) -> Html:
        return join([percent(value), " ", share_bar(value) if isinstance(value, int | float) else ""])

    rows = [
        (
            e.get(key, ""),
            share(e.get("precision")),
            share(e.get("recall")),
            share(e.get("f1")),
            count(e.get("support")),
        )
        for e in entries
    ]
    figures = table((key.title(), "Precision", "Recall", "F1", "Support"), rows, label=f"Figures for each {key}")
    if len(entries) > MOST_MATRIX_CLASSES:
        figures = fold(f"All {len(entries)} {'labels' if has_labels else 'classes'}", figures)
    if has_labels:
        about = (
            f"All labels of a sample are right for {percent(evaluation.get('accuracy'))} of the samples; of all labels "
            f"{percent(evaluation.get('label_accuracy'))} are right.{_means(evaluation)} Precision: how many of the "
            "samples given this label have it. Recall: how many of those that have it are found. F1: their harmonic "
            "mean. Support: samples with the label in the test set."
        )
        return Section("labels", "Per label", note(about), figures)
    about = (
        "Precision: how many of the samples given this class belong to it. Recall: how many of the class are found. "
        "F1: their harmonic mean. Support: samples of the class in the test set."
    )
    return Section("classes", "Per class", note(about), figures)


def _means(evaluation: Mapping[str, Any]) -> str:
    """Say the F1 over all labels together, and in the mean of the labels."""
    micro, macro = evaluation.get("f1_micro"), evaluation.get("f1_macro")
    if not (is_number(micro) and is_number(macro)):
        return ""
    return (
        f" F1 is {percent(micro)} over all labels together (micro), {percent(macro)} in the mean of the labels (macro)."
    )


def _mistakes(run: RunReader, evaluation: Mapping[str, Any]) -> Section | None:
    entries = evaluation.get("mistakes") or []
    if not entries:
        return None
    cards = []
    for entry in entries[:MOST_MISTAKES]:
        name, predicted = (
            decimal(value) if is_number(value) else str(value)  # names, or numbers of a regression
            for value in (entry.get("label", ""), entry.get("predicted", ""))
        )
        sample, file = f"#{entry.get('index', '?')}", str(entry.get("file", ""))
        about = file or f"test sample {sample[1:]}"
        # a regression has no probability
        sure = percent(entry.get("probability")) if run.is_classifier else _off(entry)
        words = element(
            "figcaption",
            element("span", name, class_="true"),
            element("span", "→ ", predicted, class_="wrong"),
            element("span", sure if file else f"{sure} · {sample}", class_="quiet"),
            element("span", PurePath(file).name, class_="quiet") if file else "",
            title=about,
        )
        told = f"{about}, a {name} taken for {predicted}" if run.is_classifier else f"{about}: {name}, not {predicted}"
        image = _image(run.path, entry.get("image"), told)
        cards.append(element("figure", image, words, class_="mistake"))
    title = "Worst mistakes"
    about = "True class → prediction, with the probability the model gave it; the most confident mistakes come first."
    if not run.is_classifier:
        what = evaluation.get("target", "number")
        title, about = (
            "Largest errors",
            f"True {what} → prediction, and how far that is off; the largest errors come first.",
        )
    return Section("mistakes", title, note(about), element("div", *cards, class_="mistakes"))


def _off(entry: Mapping[str, Any]) -> str:
    """Say how far a predicted number is off, with its sign."""
    label, predicted = entry.get("label"), entry.get("predicted")
    if not (is_number(label) and is_number(predicted)):
        return ""
    return f"{'+' if predicted > label else ''}{decimal(predicted - label)}"


def _image(folder: Path, name: object, about: str) -> Html:
    """Put a PNG of the run folder into the page; anything else, or from elsewhere, is replaced by a remark."""
    path = (folder / str(name)).resolve()  # resolved: a link must not lead out of the folder
    if not name or not path.is_relative_to(folder.resolve()) or not path.is_file():
        return element("div", "no image", class_="missing")
    with path.open("rb") as file:
        content = file.read(MOST_IMAGE_BYTES + 1)  # one byte more tells that it is too large
    # 24: up to the end of width and height
    if not content.startswith(PNG_START) or not 24 <= len(content) <= MOST_IMAGE_BYTES:
        return element("div", "not a small PNG", class_="missing")
    width, height = struct.unpack(">II", content[16:24])  # big-endian, at bytes 16 to 23 of the header
    kind = "pixels" if max(width, height) <= 64 else "photo"  # pixels: drawn enlarged, with hard edges
    return embedded_image(content, about, class_=kind)


def _regression(run: RunReader, evaluation: Mapping[str, Any]) -> Html:
    forms = (
        ("loss", "Loss", decimal),
        ("rmse", "Root mean squared error", decimal),
        ("mae", "Mean absolute error", decimal),
        ("r2", "R²", determination),
    )
    rows = [(title, form(evaluation[key])) for key, title, form in forms if is_number(evaluation.get(key))]
    figures = element("div", element("h3", "Test figures"), table(("", "Value"), rows, label="Test figures"))
    points = read_numbers(run.path, MOST_SCATTER_POINTS)
    if not points:
        return figures
    about = f"Each of {count(len(points))} points is a test sample; on the dashed line prediction and truth agree."
    cloud = scatter_chart("prediction-scatter", "Predicted over true", points, describe=about)
    return join([note(about), element("div", cloud, figures, class_="charts")])
