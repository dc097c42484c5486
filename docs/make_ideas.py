"""Fill the pages on ideas from the code: `python docs/make_ideas.py [--images]`.

A page has its prose, and marks. `<!-- columns … -->` says which formula, which piece of `fathom.scratch` and which line
of PyTorch stand side by side; `<!-- slip … -->` which wrong function and which test of it. What stands between a mark
and its end is taken from the source files anew, so that it cannot drift; a test compares. PyTorch's side is the twin
that tests/parity checks the piece against, or a piece of `fathom.models`.
"""

from __future__ import annotations

import ast
import functools
import re
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parent.parent
PAGES = ROOT / "docs" / "ideas"
TWINS = "tests/parity/twins"
SLIPS = "tests/scratch/test_slips.py"

MARK = re.compile(r"<!-- (columns|slip)\n(.*?)-->\n(.*?)<!-- end -->", re.DOTALL)


# Text ---------------------------------------------------------------------------------------------------------------


def fill(text: str) -> str:
    """Put what the marks ask for behind them, in place of what is there.

    Raises:  LookupError if a mark names something that the sources do not have
    """

    def put(found: re.Match[str]) -> str:
        kind, wishes, _ = found.groups()
        render = {"columns": render_columns, "slip": render_slip}[kind]
        return f"<!-- {kind}\n{wishes}-->\n{render(wishes)}<!-- end -->"

    return MARK.sub(put, text)


def render_columns(wishes: str) -> str:
    """Three columns: formula, PyTorch, scratch."""
    asked = read_wishes(wishes, ("formula", "scratch", "torch"))
    formula = "\n\n".join(f"$${line}$$" for line in asked["formula"])
    scratch = "\n\n".join(map(show_scratch, asked["scratch"]))
    torch = "\n\n".join(map(show_torch, asked["torch"])) or "–"
    # The widest comes last: where a table is cut off, the others are seen
    columns = "\n".join(f'<td valign="top">\n\n{cell}\n\n</td>' for cell in (formula, torch, scratch))
    heads = "".join(f"<th>{head}</th>" for head in ("formula", "PyTorch", "from scratch, on NumPy"))
    return f"<table>\n<tr>{heads}</tr>\n<tr>\n{columns}\n</tr>\n</table>\n"


def render_slip(wishes: str) -> str:
    """A wrong function, and the test that shows what it does."""
    asked = read_wishes(wishes, ("wrong", "test"))
    return "".join(f"\n{block(find(SLIPS, name))}\n" for kind in ("wrong", "test") for name in asked[kind]) + "\n"


def read_wishes(text: str, keys: tuple[str, ...]) -> dict[str, list[str]]:
    """Read lines of `key: value`; a key may come again."""
    asked: dict[str, list[str]] = {key: [] for key in keys}
    for line in text.strip().splitlines():
        key, _, value = line.partition(": ")
        if key not in asked:
            raise LookupError(f"a mark says {line!r}; it may say {', '.join(keys)}")
        asked[key].append(value.strip())
    return asked


def show_scratch(name: str) -> str:
    """Return a piece of fathom.scratch: `conv.conv2d`, `tensor.Tensor.backward`."""
    module, _, symbol = name.partition(".")
    path = find_scratch(module)
    return f"{block(find(path, symbol))}\n\n{link(path)}"


def find_scratch(module: str) -> str:
    """Return the path of a module of fathom.scratch: `networks/linear` as it stands, `conv` in whichever room it is."""
    root = ROOT / "src/fathom/scratch"
    found = [root / f"{module}.py"] if "/" in module else list(root.glob(f"*/{module}.py"))
    found = [path for path in found if "/" in module or path.parent.name not in ("networks", "devices")]
    if len(found) != 1 or not found[0].exists():
        raise LookupError(f"fathom.scratch has {len(found)} modules called {module!r}")
    return found[0].relative_to(ROOT).as_posix()


def show_torch(name: str) -> str:
    """Return the twin of a piece; a piece of fathom.models (`models/resnet.BasicBlock`); or what a docstring of scratch
    says that it equals (`equals dropout.dropout`)."""
    if name.startswith("equals "):
        return read_equals(name.removeprefix("equals "))
    if "/" in name:
        module, _, symbol = name.partition(".")
        path = f"src/fathom/{module}.py"
        return f"{block(find(path, symbol))}\n\n{link(path)}"
    if name not in twins():
        raise LookupError(f"{TWINS} has no row {name!r} with a twin that can be shown")
    return block(twins()[name])


def read_equals(name: str) -> str:
    """Return the line `Equals:` of a piece of fathom.scratch, or of a module of it."""
    module, _, symbol = name.partition(".")
    path = find_scratch(module)
    docstring = ast.get_docstring(locate(path, symbol)) or ""
    found = re.search(r"^Equals: +(\S+?)([,;]?(?: .*)?)$", docstring, re.MULTILINE)
    if found is None:
        raise LookupError(f"{path}: {symbol or 'the module'} does not say what it equals")
    return f"`{found[1]}`{found[2]}"


def block(code: str) -> str:
    return f"```python\n{code}\n```"


def link(path: str) -> str:
    return f"[{path.removeprefix('src/fathom/')}](../../{path})"


# Sources ------------------------------------------------------------------------------------------------------------


@functools.cache
def parse(path: str) -> tuple[str, ast.Module]:
    text = (ROOT / path).read_text(encoding="utf-8")
    return text, ast.parse(text)


def locate(path: str, symbol: str) -> ast.FunctionDef | ast.ClassDef | ast.Module:
    """Return the node of `Class.method`; of the module itself, where there is no symbol."""
    node: ast.AST = parse(path)[1]
    for part in filter(None, symbol.split(".")):
        inner = [each for each in getattr(node, "body", []) if getattr(each, "name", None) == part]
        if not inner:
            raise LookupError(f"{path} has no {symbol}")
        node = inner[-1]
    assert isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module)
    return node


_REGISTERS = ("register_model(", "published(")  # names and papers of networks: no part of the idea


def find(path: str, symbol: str) -> str:
    """Return the source of a function, class or method, without its docstring and the names it is registered by."""
    text, _ = parse(path)
    node = locate(path, symbol)
    assert isinstance(node, ast.FunctionDef | ast.ClassDef)
    decorators = [each for each in node.decorator_list if not ast.unparse(each).startswith(_REGISTERS)]
    first = min([node.lineno, *(decorator.lineno for decorator in decorators)])
    lines = dict(enumerate(text.splitlines()[: node.end_lineno], start=1))
    for docstring in _docstrings(node):
        for number in range(docstring.lineno, (docstring.end_lineno or docstring.lineno) + 1):
            del lines[number]
    kept = "\n".join(line for number, line in lines.items() if number >= first)
    return re.sub(r"\n{3,}", "\n\n", re.sub(r"(:\n)\n+", r"\1", textwrap.dedent(kept)))


def _docstrings(node: ast.AST) -> Iterator[ast.expr]:
    for each in ast.walk(node):
        if isinstance(each, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(each) is not None:
            yield each.body[0].value  # type: ignore[attr-defined]


@functools.cache
def twins() -> dict[str, str]:
    """Return PyTorch's side of every row of the parity table."""
    found = {}
    for path in sorted((ROOT / TWINS).glob("*.py")):
        text, tree = parse(path.relative_to(ROOT).as_posix())
        tables = [each.value for each in tree.body if isinstance(each, ast.AnnAssign)]
        for key, value in _rows(table for table in tables if isinstance(table, ast.Dict)):
            theirs = value.args[1]
            if isinstance(theirs, ast.Lambda):
                theirs = theirs.body
            found[key] = textwrap.dedent(ast.get_source_segment(text, theirs, padded=True) or "")
    return found


def _rows(tables: Iterable[ast.Dict]) -> Iterator[tuple[str, ast.Call]]:
    for table in tables:
        for key, value in zip(table.keys, table.values, strict=True):
            if isinstance(key, ast.Constant) and isinstance(value, ast.Call) and len(value.args) > 1:
                yield str(key.value), value


# Images -----------------------------------------------------------------------------------------------------------


def draw_graph() -> None:
    """The graph of one sigmoid unit and its loss."""
    from fathom.scratch import Tensor, graph

    x, w, b = Tensor([1.0, 2.0]), Tensor([0.5, -0.25], requires_grad=True), Tensor(0.1, requires_grad=True)
    loss = 0.5 * ((w * x).sum() + b).sigmoid().square()
    (PAGES / "graph.svg").write_text(graph(loss, {"w": w, "b": b}), encoding="utf-8")


def draw_convolution() -> None:
    """Four steps of a 2×2 kernel over a 3×4 image."""
    from matplotlib import pyplot as plt

    from fathom.scratch import Tensor, corr2d

    X = np.array([[0, 1, 2, 1], [3, 1, 0, 2], [1, 0, 4, 1]], dtype=float)
    K = np.array([[0, 1], [2, 3]], dtype=float)
    Y = corr2d(Tensor(X), Tensor(K)).data
    figure, axes = plt.subplots(4, 3, figsize=(6.6, 6.4), width_ratios=[4, 2, 3], layout="constrained")
    for row, (i, j) in zip(axes, [(0, 0), (0, 1), (0, 2), (1, 0)], strict=True):
        done = np.full(Y.shape, np.nan)
        done.flat[: i * Y.shape[1] + j + 1] = Y.flat[: i * Y.shape[1] + j + 1]
        draw_grid(row[0], X, window=(i, j, *K.shape))
        draw_grid(row[1], K)
        draw_grid(row[2], done, window=(i, j, 1, 1))
        terms = " + ".join(f"{a:.0f}·{b:.0f}" for a, b in zip(X[i : i + 2, j : j + 2].flat, K.flat, strict=True))
        row[2].set_title(f"{terms} = {Y[i, j]:.0f}", fontsize=8)
    for axis, title in zip(axes[0][:2], ("input", "kernel"), strict=True):
        axis.set_title(title, fontsize=8)
    save(figure, "convolution")


def draw_pooling() -> None:
    """An edge, shifted by a pixel: what the kernel and what the pool makes of it."""
    from matplotlib import pyplot as plt

    from fathom.scratch import Tensor, corr2d, max_pool2d

    image = np.zeros((4, 5))
    image[:, :2] = 1
    figure, axes = plt.subplots(2, 3, figsize=(6.6, 3.6), width_ratios=[5, 4, 2], layout="constrained")
    for row, shift in zip(axes, (0, 1), strict=True):
        X = np.roll(image, -shift, axis=1) * (np.arange(5) < 5 - shift)
        Y = corr2d(Tensor(X), Tensor([[1.0, -1.0]])).data
        Z = max_pool2d(Tensor(Y[None, None]), 2).data[0, 0]
        for axis, values in zip(row, (X, Y, Z), strict=True):
            draw_grid(axis, values)
        row[0].set_ylabel("as it is" if shift == 0 else "one pixel left", fontsize=8)
    for axis, title in zip(axes[0], ("image", "kernel (1, −1)", "maximum of 2×2"), strict=True):
        axis.set_title(title, fontsize=8)
    save(figure, "pooling")


def draw_activations() -> None:
    """Four activations and their derivatives."""
    from matplotlib import pyplot as plt

    from fathom.scratch import Tensor, prelu, relu, sigmoid, tanh

    figure, axes = plt.subplots(1, 4, figsize=(9.4, 2.4), layout="constrained", sharex=True)
    kinds: dict[str, Callable[[Tensor], Tensor]] = {
        "sigmoid": sigmoid,
        "tanh": tanh,
        "ReLU": relu,
        "PReLU, slope ¼": lambda X: prelu(X, Tensor([0.25])),
    }
    for axis, (title, function) in zip(axes, kinds.items(), strict=True):
        X = Tensor(np.linspace(-4, 4, 401), requires_grad=True)
        Y = function(X)
        Y.sum().backward()
        assert X.grad is not None
        axis.plot(X.data, Y.data, label="value")
        axis.plot(X.data, X.grad.data, "--", label="derivative")
        axis.set_title(title, fontsize=9)
        axis.grid(alpha=0.3)
    axes[0].legend(fontsize=8)
    save(figure, "activations")


def draw_depth() -> None:
    """Standard deviation of activations and gradients by layer, start by start."""
    from matplotlib import pyplot as plt

    from fathom.scratch.studies import stability

    figure, axes = plt.subplots(1, 3, figsize=(9.4, 3.0), layout="constrained", sharey=True)
    for axis, activation in zip(axes, ("sigmoid", "tanh", "relu"), strict=True):
        for number, start in enumerate(stability.INITIALIZERS):
            signal = stability.signal_by_depth(start, activation, num_layers=30)
            with np.errstate(divide="ignore"):
                up, down = np.sqrt(signal.activations), np.sqrt(signal.gradients)
            axis.semilogy(up, color=f"C{number}", label=start)
            axis.semilogy(down, "--", color=f"C{number}")
        axis.axhspan(stability.LOWEST, stability.HIGHEST, color="0.93", zorder=0)
        axis.set_title(activation, fontsize=9)
        axis.set_xlabel("layer")
        axis.set_ylim(1e-20, 1e20)
    axes[0].set_ylabel("standard deviation")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside right center", fontsize=8, title="weights")
    save(figure, "depth")


def draw_schedules() -> None:
    """All schedules that are functions of the step."""
    from matplotlib import pyplot as plt

    from fathom.scratch.learning import schedules as s

    kinds: dict[str, Callable[[int], float]] = {
        "warm_up": lambda t: s.warm_up(t, 30),
        "piecewise": lambda t: s.piecewise(t, (40, 70), (1, 0.5, 0.1)),
        "exponential": lambda t: s.exponential(t, 0.97),
        "natural_exponential": lambda t: s.natural_exponential(t, 0.05),
        "polynomial": lambda t: s.polynomial(t, 100, 2),
        "step_decay": lambda t: s.step_decay(t, 25, 0.5),
        "multi_step": lambda t: s.multi_step(t, (30, 80), 0.3),
        "inverse_time": lambda t: s.inverse_time(t, 0.1),
        "lambda_schedule": lambda t: s.lambda_schedule(t, lambda t: 0.5 + 0.5 * (t % 20 < 10)),
        "cosine": lambda t: s.cosine(t, 100),
        "noam": lambda t: s.noam(t, 20, 16),
        "one_cycle": lambda t: s.one_cycle(t, 100),
    }
    figure, axes = plt.subplots(3, 4, figsize=(9.4, 5.0), layout="constrained", sharex=True)
    for axis, (title, factor) in zip(axes.flat, kinds.items(), strict=True):
        axis.plot([factor(step) for step in range(101)])
        axis.set_title(title, fontsize=9)
        axis.set_ylim(bottom=0)
        axis.grid(alpha=0.3)
    save(figure, "schedules")


def draw_grid(axis: object, values: np.ndarray, window: tuple[int, int, int, int] | None = None) -> None:
    """Numbers in squares; ``window`` (top, left, height, width) is set off."""
    from matplotlib.patches import Rectangle

    height, width = values.shape
    for i in range(height):
        for j in range(width):
            inside = window is not None and window[0] <= i < window[0] + window[2]
            inside = inside and window is not None and window[1] <= j < window[1] + window[3]
            axis.add_patch(Rectangle((j, i), 1, 1, facecolor="#fdf3dc" if inside else "#fff", edgecolor="#889"))
            if np.isfinite(values[i, j]):
                axis.text(j + 0.5, i + 0.5, f"{values[i, j]:.0f}", ha="center", va="center", fontsize=9)
    axis.set_xlim(-0.05, width + 0.05)
    axis.set_ylim(height + 0.05, -0.05)
    axis.set_aspect("equal")
    axis.set_xticks([])
    axis.set_yticks([])
    for side in axis.spines.values():
        side.set_visible(False)


def save(figure: object, name: str) -> None:
    figure.savefig(PAGES / f"{name}.png", dpi=110)


def draw_images() -> None:
    """Draw all of them."""
    import matplotlib

    matplotlib.use("Agg")
    for draw in (draw_graph, draw_convolution, draw_pooling, draw_activations, draw_depth, draw_schedules):
        draw()


if __name__ == "__main__":
    for page in sorted(PAGES.glob("*.md")):
        page.write_text(fill(page.read_text(encoding="utf-8")), encoding="utf-8")
    if "--images" in sys.argv:
        draw_images()
