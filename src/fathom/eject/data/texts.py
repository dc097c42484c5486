"""A text as code: its tokens, the vocabulary, and the windows that are read from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fathom.data.sources import catalog, time_machine
from fathom.eject.data.part import DataPart, dedent
from fathom.errors import FathomError
from fathom.files import expand_home
from fathom.settings.config import Config

if TYPE_CHECKING:
    from fathom.data.texts.module import TextData

_SPLITS = """
def load_splits():
    \"\"\"Return the tokens of each split by their numbers; the three follow one another in the text.\"\"\"
    text = Path(FILE).read_text(ENCODING)
    {tokens}
    counts = Counter(tokens[:TRAIN_END])
    # the commonest first, equal ones by their letters; 0 stands for what is not known
    known = sorted((-count, token) for token, count in counts.items() if count >= {least})
    numbers = {{token: number for number, (_, token) in enumerate(known, 1)}}
    encoded = torch.tensor([numbers.get(token, 0) for token in tokens], dtype=torch.int32)
    parts = {{"train": encoded[:TRAIN_END], "val": encoded[TRAIN_END:VAL_END], "test": encoded[VAL_END:]}}
    return {{name: part for name, part in parts.items() if len(part)}}
"""
_COLUMNS = """
def batches(tokens, epoch):
    \"\"\"Read the text on from batch to batch, in COLUMNS columns side by side; each epoch begins at another place.

    Yields X (STEPS, COLUMNS), whether it begins anew, y (STEPS · COLUMNS,): the token after each.
    \"\"\"
    height = (len(tokens) - STEPS) // (COLUMNS * STEPS) * STEPS  # tokens that each column predicts
    used = COLUMNS * height
    offset = mix(SEED, epoch, used + 1) % (len(tokens) - used)
    X, y = (tokens[o : o + used].view(COLUMNS, -1).t().long().contiguous() for o in (offset, offset + 1))
    for start in range(0, height, STEPS):
        yield X[start : start + STEPS], start == 0, y[start : start + STEPS].flatten()
"""
_WINDOWS = """
def batches(tokens, epoch):
    \"\"\"Read windows that do not overlap, in random order; each epoch begins at another place.

    Yields X (STEPS, ≤ COLUMNS), True: each is a sequence of its own, y (STEPS · COLUMNS,): the token after each.
    \"\"\"
    number = (len(tokens) - STEPS) // STEPS
    used = number * STEPS + 1
    offset = mix(SEED, epoch, used) % (len(tokens) - used + 1)
    order = torch.randperm(number, generator=torch.Generator().manual_seed(mix(SEED, epoch)))
    starts = offset + STEPS * order
    within = torch.arange(STEPS + 1).unsqueeze(1)
    for chosen in starts.split(COLUMNS):
        window = tokens[within + chosen].long()  # (STEPS + 1, columns)
        yield window[:-1], True, window[1:].flatten()
"""
_EVALUATION = """
def in_order(tokens):
    \"\"\"Read a split from beginning to end, in a few long columns.\"\"\"
    columns = max(1, min(32, (len(tokens) - 1) // 2048))
    used = (len(tokens) - 1) // columns * columns
    X, y = (tokens[o : o + used].view(columns, -1).t().long().contiguous() for o in (0, 1))
    for start in range(0, len(X), 256):
        yield X[start : start + 256], start == 0, y[start : start + 256].flatten()
"""


def texts_part(config: Config, data: TextData) -> DataPart:
    """Return the code for a text.

    Raises:  FathomError for one with reserved tokens
    """
    if data.tokenizer.reserved:
        raise FathomError(f"{data.name} has reserved tokens, which its plain form does not know")
    path = time_machine.locate() if catalog.is_text(config.data.name) else expand_home(config.data.name)
    train_end, val_end = len(data.train), len(data.train) + len(data.val)
    settings = [
        f"FILE, ENCODING = {str(path)!r}, {data.encoding!r}",
        f"TRAIN_END, VAL_END = {train_end}, {val_end}  # tokens",
        f"STEPS, COLUMNS = {data.steps}, {data.batch_size}  # tokens read at a time, sequences side by side",
    ]
    lines, uses = _tokens(data)
    uses.append(("fathom.data.loaders.order", "mix"))
    splits = _SPLITS.format(tokens="\n    ".join(lines), least=_least(config, data))
    loader = _WINDOWS if data.partition == "random" else _COLUMNS
    code = "\n\n\n".join(map(dedent, (splits, loader, _EVALUATION)))
    return DataPart(
        settings, code, {"from collections import Counter", "from pathlib import Path", "import torch"}, uses
    )


def _tokens(data: TextData) -> tuple[list[str], list[tuple[str, str]]]:
    """Return lines that cut the text, and the functions of Fathom's that they use."""
    module, lines, uses = "fathom.data.texts.segmentation", [], []
    if data.tokenizer.clean == "letters":
        lines.append("text = keep_letters(text)")
        uses.append((module, "keep_letters"))
    if data.tokenizer.lower:
        lines.append("text = text.lower()")
    name = "split_characters" if data.tokenizer.level == "char" else "split_words"
    return [*lines, f"tokens = {name}(text)"], [*uses, (module, name)]


def _least(config: Config, data: TextData) -> int:
    """Return how often a token must occur to be known."""
    from fathom.data.texts.options import TextOptions

    names = {name: config.data.options[name] for name in ("level", "min_freq") if name in config.data.options}
    return TextOptions(**names).least_count
