"""Write the tables of the documentation that come from the code: `python docs/make_tables.py`.

networks.md as a whole, from the registry; the checksums in data.md, from the catalogue. A test compares.
"""

from __future__ import annotations

import re
from pathlib import Path

import torch

from fathom.data.sources import catalog, idx
from fathom.models import registry
from fathom.models.inspection.summary import count_flops, count_parameters
from fathom.runs.analysis.numbers import short

DOCS = Path(__file__).parent
SMALL = ((1, 28, 28), 10)

# (paper, year) of a registry entry: title and address
PAPERS = {
    ("Legendre", 1805): ("Nouvelles méthodes pour la détermination des orbites des comètes", ""),
    ("Cox", 1958): (
        "The regression analysis of binary sequences",
        "https://doi.org/10.1111/j.2517-6161.1958.tb00292.x",
    ),
    ("Rumelhart, Hinton & Williams", 1986): (
        "Learning representations by back-propagating errors",
        "https://doi.org/10.1038/323533a0",
    ),
    ("LeCun, Bottou, Bengio & Haffner", 1998): (
        "Gradient-based learning applied to document recognition",
        "https://doi.org/10.1109/5.726791",
    ),
    ("Krizhevsky", 2014): (
        "One weird trick for parallelizing convolutional neural networks",
        "https://arxiv.org/abs/1404.5997",
    ),
    ("Simonyan & Zisserman", 2015): (
        "Very deep convolutional networks for large-scale image recognition",
        "https://arxiv.org/abs/1409.1556",
    ),
    ("Lin, Chen & Yan", 2014): ("Network in network", "https://arxiv.org/abs/1312.4400"),
    ("Szegedy et al.", 2015): ("Going deeper with convolutions", "https://arxiv.org/abs/1409.4842"),
    ("Ioffe & Szegedy", 2015): (
        "Batch normalization: accelerating deep network training by reducing internal covariate shift",
        "https://arxiv.org/abs/1502.03167",
    ),
    ("Szegedy et al.", 2016): (
        "Rethinking the Inception architecture for computer vision",
        "https://arxiv.org/abs/1512.00567",
    ),
    ("Szegedy et al.", 2017): (
        "Inception-v4, Inception-ResNet and the impact of residual connections on learning",
        "https://arxiv.org/abs/1602.07261",
    ),
    ("He, Zhang, Ren & Sun", 2016): (
        "Deep residual learning for image recognition",
        "https://arxiv.org/abs/1512.03385",
    ),
    ("Springenberg et al.", 2015): (
        "Striving for simplicity: the all convolutional net",
        "https://arxiv.org/abs/1412.6806",
    ),
    ("Page", 2018): ("How to train your ResNet", ""),
    ("Elman", 1990): ("Finding structure in time", "https://doi.org/10.1207/s15516709cog1402_1"),
    ("Cho et al.", 2014): (
        "Learning phrase representations using RNN encoder-decoder for statistical machine translation",
        "https://arxiv.org/abs/1406.1078",
    ),
    ("Hochreiter & Schmidhuber", 1997): ("Long short-term memory", "https://doi.org/10.1162/neco.1997.9.8.1735"),
}


def write_networks() -> str:
    """Return the text of networks.md."""
    rows, options = [], []
    for name in registry.names():
        entry = registry.get(name)
        forms = [(f"`{name}`", (entry.input_shape, entry.num_classes))]
        if entry.has_small:
            forms.append((f"`{name}`, small", SMALL))
        for label, (shape, num_classes) in forms:
            with torch.device("meta"):
                net = registry.create(name, input_shape=shape, num_classes=num_classes)
            size = "×".join(map(str, shape)) + (" steps" if entry.takes_tokens else "")
            cells = (label, size, num_classes, f"{count_parameters(net):,}", short(count_flops(net, shape)))
            rows.append(f"| {' | '.join(map(str, cells))} | {entry.paper} {entry.year} |")
        takes = ", ".join(f"`{option}={_show(value)}`" for option, value in registry.defaults(name).items())
        options.append(f"| `{name}` | {entry.description.replace('... ', 'GoogLeNet, ')} | {takes or '–'} |")
    papers = dict.fromkeys((registry.get(name).paper, registry.get(name).year) for name in registry.names())
    text = [
        "# Networks",
        "",
        "Made by `python docs/make_tables.py` from the registry; a test checks that it is up to date. The same on the",
        "command line: `fathom models`, and `fathom models NAME` for the layers of one.",
        "",
        "| network | input | outputs | parameters | FLOPs | source |",
        "|---|---|---:|---:|---:|---|",
        *rows,
        "",
        "FLOPs of one forward pass of one sample: a multiply-add is two; convolutions, dense and recurrent layers",
        "only.",
        "AlexNet, VGG and ResNet have torchvision's parameter counts; so has `googlenet_bn` with `as_torchvision=true`",
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
        "## Sources",
        "",
        *(_cite(*paper) for paper in papers),
    ]
    return "\n".join(text) + "\n"


def _cite(authors: str, year: int) -> str:
    title, address = PAPERS[authors, year]
    return f"- {authors} ({year}), {f'[{title}]({address})' if address else title}"


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
