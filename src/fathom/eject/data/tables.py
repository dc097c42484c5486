"""A table as code: which columns are read, how each becomes numbers, and which rows are in which split."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from fathom.data.tables.cells import BOOLEANS, MISSING
from fathom.data.tables.column import Column, count_codes
from fathom.data.tables.layer import TableInput
from fathom.eject.data.part import DataPart, dedent, in_words, write_numbers
from fathom.errors import FathomError
from fathom.settings.config import Config

if TYPE_CHECKING:
    from fathom.data.tables.module import TableData

_MOST_HELD_OUT = 20_000  # rows whose numbers are written out
_READ = """
def numbers(cells):
    \"\"\"Read cells as numbers; what is none is missing, NaN.\"\"\"
    found = pd.to_numeric(cells.where(~cells.isin(MISSING)), errors="coerce").to_numpy(np.float64)
    return np.where(np.isfinite(found), found, np.nan)


def truths(cells):
    return cells.str.lower().map(BOOLEANS).to_numpy(np.float64)


def days(cells, form):
    \"\"\"Read dates as days since 1970.\"\"\"
    moments = pd.to_datetime(cells.where(~cells.isin(MISSING)), format=form, errors="coerce", utc=True)
    return ((moments - pd.Timestamp(0, tz="UTC").as_unit("s")) / pd.Timedelta(days=1).as_unit("s")).to_numpy(np.float64)


def codes(cells, values):
    \"\"\"Number categories: 0 is missing, 1 any that was not known or too rare, then the known ones.\"\"\"
    known = {value: code for code, value in enumerate(values, 2)} | dict.fromkeys(MISSING, 0)
    return cells.map(known).fillna(1).to_numpy(np.float64)
"""
_LOAD = """
def load_splits():
    \"\"\"Return inputs and targets of each split; a row is scaled numbers, flags of missing cells, codes.\"\"\"
    frame = read_rows()
    plain = np.stack([{plain}], 1)  # (N, numbers and dates)
    is_missing = np.isnan(plain)
    filled = torch.from_numpy(np.where(is_missing, FILL, plain))
    parts = [((filled - torch.tensor(MEAN, dtype=torch.float64)) / torch.tensor(STD, dtype=torch.float64)).float()]
{dates}{flags}{categories}    X = torch.cat(parts, 1)  # float32 (N, D)
{target}
    is_train = torch.tensor({has_target})
    is_train[VAL + TEST] = False
    rows = {{"train": is_train.nonzero().flatten(), "val": torch.tensor(VAL), "test": torch.tensor(TEST)}}
    return {{name: (X[places], y[places]) for name, places in rows.items() if len(places)}}
"""
_FRONT = """
class Front(nn.Module):
    \"\"\"Spreads the codes of categories out: one-hot vectors, and embeddings where there are many values.\"\"\"

    def __init__(self):
        super().__init__()
        self.register_buffer("known", torch.tensor(KNOWN))  # 1 for codes that occurred in training
        self.register_buffer("first", torch.tensor(FIRST))  # where the one-hot vector of each column begins
        self.embeddings = nn.ModuleList(nn.Embedding(count, width) for count, width, _ in EMBEDDED)
        with torch.no_grad():
            for (_, width, never), embedding in zip(EMBEDDED, self.embeddings):
                embedding.weight.normal_(0, 1 / math.sqrt(width))
                embedding.weight[never] = 0

    def forward(self, X):
        codes = X[:, NUM_DENSE:].long()  # (N, categories), one-hot ones first
        parts = [X[:, :NUM_DENSE]]
        if len(FIRST):
            places = codes[:, : len(FIRST)] + self.first
            parts.append(X.new_zeros(len(X), len(KNOWN)).scatter_(1, places, self.known[places]))
        parts += [table(codes[:, len(FIRST) + k]) for k, table in enumerate(self.embeddings)]
        return torch.cat(parts, 1)
"""


def tables_part(config: Config, data: TableData) -> DataPart:
    """Return the code for a table.

    Raises:  FathomError for one that only Fathom's reader can read
    """
    from fathom.data.tables.form import find_form

    options = config.data.options
    form = find_form(
        config.data.name,
        header=options.get("header"),
        separator=options.get("separator"),
        encoding=options.get("encoding"),
        target=data.target.name,
    )
    if not form.has_header or form.decimal != "." or len(form.separator) != 1 or form.separator == " ":
        raise FathomError(
            f"{data.name}: a file without a header, with blanks or decimal commas, is read by Fathom alone"
        )
    layer = data.layer
    held: dict[str, list[int]] = {name: [int(i) for i in data.places.get(name, ())] for name in ("val", "test")}
    if sum(map(len, held.values())) > _MOST_HELD_OUT:
        raise FathomError(
            f"{data.name}: more than {_MOST_HELD_OUT:,} rows are held out, too many to write their numbers"
        )
    plain = [layer.columns[i] for i in layer._plain]
    settings = [
        f"FILES = {[str(config.data.name), *([str(options['test'])] if options.get('test') else [])]}",
        f"MISSING = {sorted(MISSING)}",
    ]
    numbers = {"FILL": layer.fill, "MEAN": layer.centre, "STD": layer.scale}
    comments = ("in place of missing cells", "of the training split", "of the training split")
    settings += [
        f"{name} = {values.tolist()}  # {why}" for (name, values), why in zip(numbers.items(), comments, strict=True)
    ]
    if any(column.kind == "boolean" for column in plain):
        settings.append(f"BOOLEANS = {BOOLEANS | {'1': 1.0, '0': 0.0}}")
    categories = layer.ordered_categories
    settings += [
        f"VALUES_{i} = {list(column.values)}  # of {in_words(column.name)}" for i, column in enumerate(categories)
    ]
    code = "\n\n\n".join([dedent(_READ), dedent(_read_rows(form.separator, form.encoding)), dedent(_load(data, plain))])
    tail = "\n\n".join(
        write_numbers(name.upper(), rows, f"rows of the {name} split, counted from 0") for name, rows in held.items()
    )
    imports = {"import numpy as np", "import pandas as pd", "import torch"}
    part = DataPart(settings, code, imports, tail=tail)
    if categories:
        part.front, part.imports = dedent(_FRONT), imports | {"import math", "from torch import nn"}
        part.settings += _front_settings(layer)
    return part


def _read_rows(separator: str, encoding: str) -> str:
    return f"""
def read_rows():
    \"\"\"Read all cells as text, so that every column is turned into numbers here.\"\"\"
    parts = [
        pd.read_csv(file, sep={separator!r}, encoding={encoding!r}, dtype=str, keep_default_na=False) for file in FILES
    ]
    frame = pd.concat(parts, ignore_index=True)
    return frame.apply(lambda cells: cells.fillna("").str.strip())
"""


def _load(data: TableData, plain: list[Column]) -> str:
    layer = data.layer
    readers: dict[str, str] = {"number": "numbers({})", "boolean": "truths({})"}
    calls = []
    for column in plain:
        cell = f"frame[{column.name!r}]"
        calls.append(f"days({cell}, {column.format!r})" if column.kind == "date" else readers[column.kind].format(cell))
    dates = flags = categories = ""
    if layer._periods:
        chosen = [layer._plain.index(i) for i, _ in layer._periods]
        turns = [2 * math.pi / period for _, period in layer._periods]
        dates = (
            f"    angles = filled[:, {chosen}] * torch.tensor({turns}, dtype=torch.float64)  # of year, week and day\n"
            "    parts += [angles.sin().float(), angles.cos().float()]\n"
        )
    if layer._flagged:
        chosen = [layer._plain.index(i) for i in layer._flagged]
        flags = f"    parts.append(torch.from_numpy(is_missing[:, {chosen}]).float())\n"
    if layer.ordered_categories:
        listed = ", ".join(f"codes(frame[{c.name!r}], VALUES_{i})" for i, c in enumerate(layer.ordered_categories))
        categories = f"    parts.append(torch.from_numpy(np.stack([{listed}], 1)).float())\n"
    filled: dict[str, Any] = {"plain": ", ".join(calls), "dates": dates, "flags": flags, "categories": categories}
    return _LOAD.format(**filled, **_target(data))


def _target(data: TableData) -> dict[str, str]:
    cells = f"frame[{data.target.name!r}]"
    if data.scale is None:
        line = f"    labels = {cells}.map({{name: i for i, name in enumerate({list(data.class_names)!r})}})"
        return {
            "target": f"{line}\n    y = torch.tensor(labels.fillna(-1).to_numpy(np.int64))",
            "has_target": "labels.notna().to_numpy()",
        }
    log = "np.log(target)" if data.scale.log else "target"
    mean, std = data.scale.mean.tolist()[0], data.scale.std.tolist()[0]
    return {
        "target": f"    target = numbers({cells})\n"
        f"    # standardised by the training split, in double precision, rounded once\n"
        f"    y = torch.from_numpy((({log} - {mean!r}) / {std!r}).astype(np.float32))[:, None]  # (N, 1)",
        "has_target": "np.isfinite(target)",
    }


def _front_settings(layer: TableInput) -> list[str]:
    """Return the constants of the layer that spreads codes out."""
    one_hot = [column for column in layer.ordered_categories if not column.width]
    embedded = [column for column in layer.ordered_categories if column.width]
    never = [[code for code, was in enumerate((column.missing > 0, column.rare > 0)) if not was] for column in embedded]
    widths = [(count_codes(column), column.width, codes) for column, codes in zip(embedded, never, strict=True)]
    firsts = [sum(map(count_codes, one_hot[:k])) for k in range(len(one_hot))]
    return [
        f"NUM_DENSE, FIRST = {layer.num_dense}, {firsts}",
        f"KNOWN = {layer.known.tolist()}",
        f"EMBEDDED = {widths}",
    ]
