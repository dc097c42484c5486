"""Rows that are written as JSON, Parquet or Excel, as the CSV that is read in their place. Torch-free; pandas late."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

from fathom.data.row_files import CONVERTED
from fathom.errors import FathomError, missing_library

WITHOUT_NAMES = (".xlsx",)  # whose first line need not name the columns

Record = Mapping[str, Any]


# state is size and time of the file: a key that changes with it
@lru_cache(maxsize=2)  # a file is looked at before it is read
def convert(unpack: Callable[[Path], IO[bytes]], path: Path, ending: str, state: object) -> tuple[bytes, str]:
    """Return the CSV of a file in UTF-8, and a note on it that a user should read.

    Args:
        unpack: opens the file, see ``packed``.
        state: changes when the file does.
    Raises:  OSError; FathomError if it is no such file, or a library is missing
    """
    with unpack(path) as file:  # unpacked first: rows.json.gz is JSON
        if ending == ".xlsx":
            return _convert_excel(path, file)
        if ending in (".parquet", ".feather"):
            return _convert_arrow(path, file, ending), ""
        try:
            text = file.read().decode("utf-8-sig")  # "utf-8-sig": a byte-order mark is no part of JSON
            return _write(_records(path, text, by_line=ending != ".json")), ""
        except UnicodeDecodeError as error:
            raise FathomError(f"{path}: JSON is written in UTF-8; this is not ({error.reason})") from None
        except RecursionError:
            raise FathomError(f"{path}: not rows: the JSON is nested too deeply") from None


def is_frame(given: object) -> bool:
    """Return whether something is a pandas DataFrame, without importing pandas."""
    return type(given).__name__ == "DataFrame" and hasattr(given, "to_csv")


def write_frame(frame: Any) -> bytes:
    """Return a DataFrame as a CSV in UTF-8; its index goes along if it has a name."""
    if any(name is not None for name in frame.index.names):  # an index without a name only counts the rows
        frame = frame.reset_index()
    text: str = frame.to_csv(index=False)
    return text.encode("utf-8", "surrogatepass")


def _records(path: Path, text: str, *, by_line: bool) -> list[Record]:
    """Return the objects of a file: one a line, or an array of them, or an object of columns."""
    if by_line or text.lstrip()[:1] not in ("[", "{"):  # nothing that JSON of a table begins with
        return list(_records_of_lines(path, text))
    try:
        content = _parse(text)
    except ValueError as error:
        # {"a": 1} in the first line, more below it
        if text.lstrip().startswith("{") and "Extra data" in str(error):  # JSON lines under another ending
            return list(_records_of_lines(path, text))
        raise FathomError(f"{path}: not JSON ({error})") from None
    if isinstance(content, dict):
        content = _from_object(content)
    if not isinstance(content, list) or not content or not all(isinstance(row, dict) for row in content):
        raise FathomError(f"{path}: not rows; JSON of a table is an array of objects, such as [{{'a': 1}}, {{'a': 2}}]")
    return content


def _from_object(content: dict[str, Any]) -> object:
    """Return the rows of an object: its only array of objects, or its columns, as pandas writes them."""
    # {"data": [{…}, …], "next": …}, as services answer
    arrays = [value for value in content.values() if isinstance(value, list) and value and isinstance(value[0], dict)]
    if len(arrays) == 1:  # of several it is not known which is the table
        return arrays[0]
    # {"a": {"0": 1, …}}: pandas' to_json
    columns = {name: list(c.values()) if isinstance(c, dict) else c for name, c in content.items()}
    if all(isinstance(column, list) for column in columns.values()) and len({len(c) for c in columns.values()}) == 1:
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return None  # no rows; the caller says what is expected


def _records_of_lines(path: Path, text: str) -> Iterator[Record]:
    for number, line in enumerate(text.split("\n"), 1):  # only there: a text in JSON may hold other line breaks
        if not line.strip():
            continue
        try:
            row = _parse(line)
        except ValueError as error:
            raise FathomError(f"{path}: line {number}: not JSON ({error})") from None
        if not isinstance(row, dict):
            raise FathomError(f"{path}: line {number}: not an object such as {{'a': 1}}")
        yield row


def _parse(text: str) -> Any:
    # Numbers stay as they are written: 1.0 and 1 are two spellings of a label.
    return json.loads(text, parse_int=str, parse_float=str, parse_constant=str)  # text until the columns are known


def _write(records: Iterable[Record]) -> bytes:
    """Write objects as rows: a column for every key, in the order in which they come; inner keys follow a dot."""
    rows = [_flatten(record) for record in records]
    # a dictionary as an ordered set; keys may differ from row to row
    names = list(dict.fromkeys(name for row in rows for name in row))
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([row.get(name, "") for name in names] for row in rows)
    return out.getvalue().encode("utf-8", "surrogatepass")


def _flatten(record: Record, prefix: str = "") -> dict[str, str]:
    row: dict[str, str] = {}
    for key, value in record.items():
        if isinstance(value, dict):  # {"address": {"town": …}} -> "address.town"
            row |= _flatten(value, f"{prefix}{key}.")
        else:
            row[f"{prefix}{key}"] = _cell(value)
    return row


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"  # as pandas reads booleans back
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)  # lists stay JSON


def _convert_arrow(path: Path, file: IO[bytes], ending: str) -> bytes:
    import pandas as pd

    read = pd.read_parquet if ending == ".parquet" else pd.read_feather
    try:
        return write_frame(read(io.BytesIO(file.read())))
    except ImportError:
        raise missing_library(f"{path}: {CONVERTED[ending]}", "pyarrow", "tables") from None
    except ValueError as error:  # pyarrow's errors on a file's content are
        raise FathomError(f"{path}: not {CONVERTED[ending]} ({str(error).splitlines()[0]})") from None


def _convert_excel(path: Path, file: IO[bytes]) -> tuple[bytes, str]:
    """Return the first sheet that is not empty."""
    import zipfile

    import pandas as pd

    try:
        sheets = pd.read_excel(
            io.BytesIO(file.read()),
            sheet_name=None,  # None: all sheets
            header=None,  # the header is found as in any CSV
            dtype=object,  # as the sheet has them: no guessing of types
            keep_default_na=False,  # "NA" is a text until missing cells are looked for
            engine="openpyxl",
        )
    except ImportError:
        raise missing_library(f"{path}: Excel", "openpyxl", "tables") from None
    except (ValueError, KeyError, zipfile.BadZipFile) as error:
        raise FathomError(f"{path}: not an Excel file ({error})") from None
    found = {
        # empty rows and columns around a table
        name: sheet.replace("", None).dropna(how="all").dropna(how="all", axis=1)
        for name, sheet in sheets.items()
    }
    found = {str(name): sheet for name, sheet in found.items() if len(sheet)}
    if not found:
        raise FathomError(f"{path}: every sheet is empty")
    name, sheet = next(iter(found.items()))
    note = f"{path.name}: of {len(found)} sheets the first one, {name}, is read" if len(found) > 1 else ""
    text: str = sheet.to_csv(index=False, header=False)
    return text.encode("utf-8", "surrogatepass"), note
