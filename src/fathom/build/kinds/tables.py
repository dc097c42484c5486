"""Tables: rows of a file, one column of which is to be predicted from the others."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import msgspec

from fathom.build.kinds.base import Kind, OnRead
from fathom.build.kinds.epochs import fill_epochs
from fathom.build.kinds.places import check_file, pin_data, refuse_file_options, refuse_foreign
from fathom.build.remote import has_versions, localize, original_names
from fathom.build.results import EvaluationDetails, SplitResult
from fathom.data.unicode_form import composed
from fathom.errors import UsageError
from fathom.files import expand_home
from fathom.models import registry
from fathom.settings.config import DataConfig, replace_in

if TYPE_CHECKING:
    from fathom.data.checks import DataCheck
    from fathom.data.module import LabelledData
    from fathom.data.tables.fit import TableDescription
    from fathom.data.tables.module import TableData
    from fathom.data.tables.reading import Table
    from fathom.inference.onnx_file import OnnxModel
    from fathom.inference.predictions import PredictionRequest, Predictions
    from fathom.inference.rows import RowModel
    from fathom.module import Module
    from fathom.settings.config import Config
    from fathom.settings.settings import Settings

# passed to TableOptions as they are
_ROLES = ("group_column", "time_column", "split_column")  # columns that say how the rows are divided
_CHOICES = ("fill", "one_hot_max", "categories", "numbers", "drop", "keep", "day_first", *_ROLES)
_READING = (
    "header",
    "separator",
    "encoding",
    "missing",
    "not_missing",
    "skip_lines",
)  # of the file's form, for read_table
_COLUMNS = ("categories", "numbers", "drop", "keep")  # lists of columns
_LINEAR_ONE_HOT_MAX = 1000  # an embedding before a single affine map would only lower its rank
_ENSEMBLE = "tabular"  # the network whose members can validate one another
_PARTED_ROWS = 20_000  # where there are more, a share of them tells epochs apart well enough


class TablesKind(Kind):
    """Rows with a target."""

    name, noun = "tables", "a table"
    depends_on_network = True  # embeddings or one-hot columns
    option_names = ("target", "validate", "task", "log_target", "test", "reweight", *_CHOICES, *_READING)

    def validate(self, settings: Settings) -> None:
        """Refuse missing files and unknown options."""
        refuse_foreign(settings)
        refuse_file_options(settings)
        super().validate(settings)
        options = settings.get("data.options", {})
        if options.get("header") not in (None, True, False):
            raise UsageError(f"data.options.header must be true or false, not {options['header']!r}")
        if not isinstance(options.get("day_first", False), bool):
            raise UsageError(f"data.options.day_first is true or false; got {options['day_first']!r}")
        for place in (settings.get("data.name"), options.get("test"), options.get("reweight")):  # all three are files
            if place is not None:
                check_file(str(place))

    def default_settings(self) -> Mapping[str, Any]:
        """Return a multilayer perceptron."""
        return {"model": {"name": "mlp"}}

    def pin(self, data: DataConfig) -> DataConfig:
        """Return absolute paths and pinned versions."""
        return pin_data(data, ("test", "reweight"))

    def read(self, data: DataConfig) -> Table | None:
        """Return the rows."""
        if not has_versions(data):
            return None
        local = localize(data)
        with original_names(data, local):
            return _read_file(local.name, local.options)

    def build(self, config: Config, contents: Any = None, on_read: OnRead | None = None) -> LabelledData:
        """Make the data module."""
        if config.data.augment:
            raise UsageError("--augment is for images; for a table, --set training.input_noise=… adds noise")
        local = localize(config.data)
        with original_names(config.data, local):
            return _build(config, local, contents)

    def build_for_check(self, config: Config, on_read: OnRead | None = None) -> LabelledData:
        """Make the data module, whose test file need not have the target."""
        local = localize(config.data)
        test = local.options.get("test")
        if test is None:
            return self.build(config, on_read=on_read)
        with original_names(config.data, local):
            table = _read_file(local.name, local.options)
            # as the training file: a test file alone might be misjudged
            other = _read_file(str(test), local.options | {"header": table.form.has_header})
            # in the training file only
            absent = [name for name in table.frame.columns if name not in other.frame.columns]
            target = local.options.get("target")
            if target is None and len(absent) == 1:  # it lacks what is to be predicted
                target = absent[0]
                options = local.options | {"target": target}
                # once more, with the target: absent == [target] then
                return self.build_for_check(replace_in(config, data={"options": options}), on_read)
            if absent != [target]:  # the test file is complete, or lacks more: checked as usual
                return _build(config, local, table)
            # else reading it would stop at the missing target
            options = {name: value for name, value in local.options.items() if name != "test"}
            data = _build(config, msgspec.structs.replace(local, options=options), table)
            data.compare_with(table, other)
            return data

    def check(self, data: LabelledData) -> DataCheck:
        """Return what to know of the data before training on it."""
        from fathom.data.tables.checks import check_table

        return check_table(cast("TableData", data))

    def finalize(self, config: Config, data: LabelledData) -> Config:
        """Fill in batch size and epochs: small tables need many epochs for enough steps."""
        config = super().finalize(config, data)
        if config.model.name == _ENSEMBLE:
            config = _fill_ensemble(config, cast("TableData", data))
        return fill_epochs(config, data)

    def collect_details(
        self, module: Module, data: LabelledData, evaluation: SplitResult, folder: Path
    ) -> EvaluationDetails:
        """Return a baseline to beat, the worst rows, and the predictions."""
        from fathom.build.details.tables import compare_with_baseline
        from fathom.build.summaries import list_predictions

        columns, rows = list_predictions(module, data, evaluation)
        return EvaluationDetails(compare_with_baseline(module, cast("TableData", data), evaluation), columns, rows)

    def model_of_run(self, module: Module, description: Mapping[str, Any], run: Path, device: str) -> RowModel:
        """Return a run's model of rows."""
        from fathom.inference.run_models import RunTableModel

        return RunTableModel(module, dict(description), device)

    def model_of_export(self, exported: OnnxModel) -> RowModel:
        """Return an exported model of rows."""
        return exported

    def predict(self, model: RowModel, request: PredictionRequest) -> Predictions:
        """Return the rows for files of rows."""
        from fathom.inference.predictions import TRUTH, Predictions
        from fathom.inference.rows import UnknownCategories, predict_rows
        from fathom.inference.submission import SAMPLE_ID

        request.refuse_label_file("rows")
        unknown = UnknownCategories()
        columns, rows = predict_rows(
            model,
            request.inputs,
            top=request.top,
            encoding=request.encoding,
            unknown=unknown,
            # the true value travels in the id column
            id_column=model.table.target if request.with_truth else request.id_column,
        )
        if request.with_truth:
            rows = (row | {TRUTH: row.get(SAMPLE_ID, "")} for row in rows)
            if not model.class_names:
                rows = _with_numbers(list(rows), request, model.table)
        return Predictions(columns, rows, what="rows", findings=unknown.findings)


def _with_numbers(
    rows: list[dict[str, Any]], request: PredictionRequest, described: TableDescription
) -> Iterator[dict[str, Any]]:
    """Return the rows with the numbers that training would have read from the target's cells; "" for none."""
    from fathom.data.fetch.inputs import fetch_input
    from fathom.data.tables.cells import missing_texts
    from fathom.data.tables.form import find_form
    from fathom.data.tables.target import read_numbers
    from fathom.inference.predictions import TRUTH

    first = described.columns[0]
    form = find_form(
        fetch_input(request.inputs[0]),
        encoding=request.encoding,
        fallback=described.encoding or None,
        target=first.name,
    )
    # what stands for a missing cell is the same in all columns
    truths = read_numbers([row[TRUTH] for row in rows], form.decimal, missing_texts(first.absent, first.present))
    for row, truth in zip(rows, truths.tolist(), strict=True):
        yield row | {TRUTH: "" if truth != truth else repr(truth)}


def _build(config: Config, data: DataConfig, table: Table | None) -> TableData:
    from fathom.build.augmentation import build_augmentation
    from fathom.build.divisions import make_division
    from fathom.data.tables.fit import TableOptions
    from fathom.data.tables.module import TableData
    from fathom.data.tables.shift import reweight_rows

    options = data.options
    table = table or _read_file(data.name, options)
    chosen: dict[str, Any] = {option: options[option] for option in _CHOICES if option in options}
    # a column named 3 is an int in YAML
    chosen |= {option: composed(str(chosen[option])) for option in _ROLES if option in chosen}
    chosen |= {option: _names(option, chosen[option]) for option in _COLUMNS if option in chosen}
    if config.model.name in ("linear", "softmax", _ENSEMBLE):
        chosen.setdefault("one_hot_max", _LINEAR_ONE_HOT_MAX)
    target, test, log_target = options.get("target"), options.get("test"), options.get("log_target", False)
    if not isinstance(log_target, bool):
        raise UsageError(f"data.options.log_target must be true or false, not {log_target!r}")
    built = TableData(
        dataclasses.replace(
            # same header decision for both files
            table,
            test=None if test is None else _read_file(str(test), options | {"header": table.form.has_header}),
        ),
        data.batch_size,
        target=None if target is None else composed(str(target)),
        options=TableOptions(options.get("task"), log_target, **chosen),
        val=dataclasses.replace(make_division(config), parts=_count_parts(config, table)),
        augment=build_augmentation(config),
        seed=config.seed,
        balance=data.balance,
    )
    if (reweight := options.get("reweight")) is not None:
        if data.balance != "none":
            raise UsageError("--reweight and --balance both weight the training rows; remove one of them")
        other = _read_file(str(reweight), options | {"header": table.form.has_header})
        built.notes.append(reweight_rows(built, table, other))  # after splitting: only training rows are weighted
    return built


def _count_parts(config: Config, table: Table) -> int:
    """Return into how many parts the training rows are dealt, each validated by a member of the network."""
    chosen = config.data.options.get("validate")
    if chosen not in (None, "members", "rows"):
        raise UsageError(f"data.options.validate is members or rows; got {chosen!r}")
    if config.model.name != _ENSEMBLE:
        if chosen == "members":
            raise UsageError(
                f"data.options.validate=members is for the network {_ENSEMBLE}; {config.model.name} has one"
            )
        return 0
    wanted = len(table.frame) <= _PARTED_ROWS if chosen is None else chosen == "members"
    members = int(config.model.options.get("members", registry.get(_ENSEMBLE).options["members"]))
    return members if wanted and members > 1 else 0


def _fill_ensemble(config: Config, data: TableData) -> Config:
    """Tell the network which inputs are numbers, and whether the last one is a row's part; judge epochs by the loss."""
    plain = len(data.layer.centre)
    options = config.model.options | {"numbers": plain, "learning": "held_out" if data.parts else "apart"}
    config = replace_in(config, model={"options": options})
    # of a few rows the accuracy moves in jumps
    return config if config.training.monitor else replace_in(config, training={"monitor": "val_loss"})


def _read_file(path: str, options: Mapping[str, Any]) -> Table:
    """Read a table as its options say."""
    from fathom.data.tables.reading import Marks, read_table

    encoding, target = options.get("encoding"), options.get("target")
    return read_table(
        expand_home(path),
        header=options.get("header"),
        separator=options.get("separator"),
        encoding=None if encoding is None else str(encoding),
        target=None if target is None else str(target),
        marks=Marks(_texts("missing", options), _texts("not_missing", options)),
        skip=_lines(options),
    )


def _lines(options: Mapping[str, Any]) -> int | None:
    skip = options.get("skip_lines")
    if skip is not None and (isinstance(skip, bool) or not isinstance(skip, int) or skip < 0):
        raise UsageError(f"data.options.skip_lines must be a whole number of lines, not {skip!r}")
    return skip


def _texts(option: str, options: Mapping[str, Any]) -> tuple[str, ...]:
    """Return texts that a user may have written as numbers."""
    value = options.get(option, [])
    if not isinstance(value, list) or not all(isinstance(text, str | int | float) for text in value):
        raise UsageError(f"data.options.{option} must be a list of texts, such as ['?', -999], not {value!r}")
    return tuple(str(text).strip() for text in value)  # -999 in YAML is an int


def _names(option: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise UsageError(f"data.options.{option} must be a list of columns, such as [a, b], not {value!r}")
    return tuple(composed(str(name)) for name in value)
