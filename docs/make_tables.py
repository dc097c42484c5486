"""Write the tables of the documentation that come from the code: `python docs/make_tables.py`.

networks.md as a whole, from the index of networks; the checksums in data.md, from the catalogue. A test compares.
"""

from __future__ import annotations

import re
from pathlib import Path

from fathom.data.sources import catalog, idx
from fathom.models import registry
from fathom.models.facts import FASHION, Paper
from fathom.runs.analysis.numbers import short

DOCS = Path(__file__).parent

OWN_NETWORKS = """\
## Networks of your own

Any function from an input shape and a number of classes to an `nn.Module` is a network; its further arguments are the
options. In a script or a notebook a decorator gives it a name:

```python
import fathom
from torch import nn


@fathom.register_model("mine")
def mine(input_shape, num_classes, *, width=16):
    return nn.Sequential(
        nn.Conv2d(input_shape[0], width, 3),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(width, num_classes),
    )


net = fathom.create_model("mine", input_shape=(1, 28, 28), num_classes=10, width=8)
```

The name lasts as long as the process. An installed package provides its networks to every command, so that `fathom
train mine` and `fathom predict` find them, by an entry point in its `pyproject.toml`:

```toml
[project.entry-points."fathom.models"]
mine = "mypackage.nets:mine"
```

The package is imported when its network is asked for, not before. A run folder holds the name and the options of its
network and never code: a run whose network is neither Fathom's nor provided by an installed package, nor registered in
the process, is refused.
"""


def write_networks() -> str:
    """Return the text of networks.md."""
    rows, options = [], []
    for name in registry.builtin_names():
        model = registry.get(name)
        for counted in model.counts:
            form = counted.form
            label = f"`{name}`, small" if form == FASHION != model.form else f"`{name}`"
            size = "×".join(map(str, form.input_shape)) + (" steps" if model.takes_tokens else "")
            cells = (label, size, form.num_classes, f"{counted.parameters:,}", short(counted.flops))
            rows.append(f"| {' | '.join(map(str, cells))} | {model.paper} |")
        takes = ", ".join(f"`{option}={_show(value)}`" for option, value in model.options.items())
        options.append(f"| `{name}` | {model.description} | {takes or '–'} |")
    papers = dict.fromkeys(paper for name in registry.builtin_names() if (paper := registry.get(name).paper))
    text = [
        "# Networks",
        "",
        "Made by `python docs/make_tables.py` from the index of networks; a test checks that it is up to date. The",
        "same on the command line: `fathom models`, and `fathom models NAME` for the layers of one.",
        "",
        "| network | input | outputs | parameters | FLOPs | source |",
        "|---|---|---:|---:|---:|---|",
        *rows,
        "",
        "FLOPs of a forward pass of one sample: a multiply-add counts as two; convolutions, dense, recurrent",
        "and attention layers only.",
        "AlexNet, VGG, ResNet, `vit_base` and ConvNeXt have torchvision's parameter counts, `vit_small` has timm's;",
        "`googlenet_bn` has torchvision's with `as_torchvision=true`",
        "(and only that network takes this option). Other inputs and numbers of classes give other counts. The small",
        "form, made for images of 28 or 32 pixels a side, is taken by itself below 64. `rnn`, `gru` and `lstm` read",
        "[texts](text.md): their outputs are the size of the vocabulary, their FLOPs those of a whole sequence.",
        "",
        "## Options",
        "",
        "Given as `--set model.options.NAME=VALUE`, or as arguments of `fathom.create_model`.",
        "",
        "| network | what it is | options with their defaults |",
        "|---|---|---|",
        *options,
        "",
        *OWN_NETWORKS.splitlines(),
        "",
        "## Sources",
        "",
        *(_cite(paper) for paper in papers),
    ]
    return "\n".join(text) + "\n"


def _cite(paper: Paper) -> str:
    return f"- {paper.authors} ({paper.year}), {f'[{paper.title}]({paper.url})' if paper.url else paper.title}"


def _show(value: object) -> str:
    if value is None or isinstance(value, bool):
        return {None: "auto", True: "true", False: "false"}[value]
    return str(list(value)) if isinstance(value, tuple) else str(value)


def write_checksums() -> str:
    """Return the table of checksums for data.md."""
    rows = ["| file | checksum |", "|---|---|"]
    for name in catalog.names():
        for file, checksum in catalog.describe(name).checksums.items():
            rows.append(f"| `{name}`: `{file}` | {checksum.replace(':', ' ')} |")
            rows += [f"| | sha256 {part.sha256} |" for part in _parts(name) if part.name == file]
    return "\n".join(rows)


def _parts(name: str) -> tuple[idx.IdxFile, ...]:
    return idx.SETS[name].files if name in idx.SETS else ()


def fill_checksums(text: str) -> str:
    """Put the table behind its marker in data.md, in place of the one that is there."""
    return re.sub(r"<!-- checksums -->\n(\n\|[^#]*?\n)?(?=\n#)", f"<!-- checksums -->\n\n{write_checksums()}\n", text)


if __name__ == "__main__":
    (DOCS / "networks.md").write_text(write_networks(), encoding="utf-8")
    data = DOCS / "data.md"
    data.write_text(fill_checksums(data.read_text(encoding="utf-8")), encoding="utf-8")
