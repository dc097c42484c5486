"""Endings of files of rows that are no plain text: packed, or converted to CSV while they are read. Torch-free."""

from __future__ import annotations

PACKED = (".gz", ".bz2", ".xz", ".zst", ".zip")
CONVERTED = {
    ".jsonl": "JSON lines",
    ".ndjson": "JSON lines",
    ".json": "JSON",
    ".parquet": "Parquet",
    ".feather": "Feather",
    ".xlsx": "Excel",
}
"""By ending, what such a file is called."""
