"""The short table for the README, in English and Chinese."""

from __future__ import annotations

from bench.results import Comparison, Result, Suite
from bench.tables import table

_HEADERS = {
    "en": ["training", "hand-written loop", "Fathom", "fastest other library", "hand-written over torchvision"],
    "zh": ["训练", "手写循环", "Fathom", "最快的其他库", "手写循环 + torchvision 数据集"],
}
_WORDS: dict[str, dict[str, str]] = {
    "en": {
        "lenet": "LeNet, images/s",
        "mlp": "MLP, images/s",
        "resnet18": "ResNet-18 (96×96), images/s",
        "regression": "linear regression, µs per step",
        "compiled": "compiled {}",
        "startup": "`fathom train --data fashion_mnist` takes its first step {first:.1f} s after the shell starts it; "
        "importing torch and reading the data alone takes {bare:.1f} s.",
        "where": "{cpu}, {threads} threads, torch {torch}; medians of {rounds} alternated rounds.",
    },
    "zh": {
        "lenet": "LeNet，图像/秒",
        "mlp": "多层感知机，图像/秒",
        "resnet18": "ResNet-18（96×96），图像/秒",
        "regression": "线性回归，每步微秒",
        "compiled": "编译后 {}",
        "startup": "`fathom train --data fashion_mnist` 从命令行启动到第一步训练用 {first:.1f} 秒；"
        "仅导入 torch 并读取数据就要 {bare:.1f} 秒。",
        "where": "{cpu}，{threads} 线程，torch {torch}；{rounds} 轮交替测量的中位数。",
    },
}
_NOT_FED_TENSORS = ("lightning_torchvision",)


def headline(suites: dict[str, Suite], language: str) -> str:
    """Make the table, with a line on starting up and one on the machine, of what there is."""
    words = _WORDS[language]
    rows = [
        _rate_row(comparison, words)
        for comparison in (suites["epoch"].comparisons if "epoch" in suites else [])
        if comparison.name in words and comparison.get("fathom_auto")
    ]
    if "step" in suites:
        rows.append(_step_row(suites["step"].comparisons[0], words))
    parts = [table(_HEADERS[language], rows)] if rows else []
    if "startup" in suites:
        (startup,) = suites["startup"].comparisons
        first, bare = startup.get("first_step"), startup.get("torch_and_data")
        if first and bare:
            times = {"first": startup.spread(first).median, "bare": startup.spread(bare).median}
            parts.append(words["startup"].format(**times))
    source = suites.get("epoch") or suites.get("step")
    if source is not None:
        facts = source.machine | {"torch": source.versions["torch"], "rounds": source.settings["rounds"]}
        parts.append(words["where"].format(**facts))
    return "\n\n".join(parts)


def fastest_peer(comparison: Comparison) -> Result | None:
    """Return the fastest other library, fed as it likes best."""
    peers = [r for r in comparison.results if r.group == "peer" and r.values and r.name not in _NOT_FED_TENSORS]
    return min(peers, key=lambda peer: comparison.spread(peer).median, default=None)


def _rate_row(comparison: Comparison, words: dict[str, str]) -> list[str]:
    def cell(result: Result | None) -> str:
        if result is None:
            return "–"
        ratio = comparison.ratio(result)
        text = f"{comparison.rate(result).median:,.0f}"
        return f"{text} ({ratio.median:.2f}×)" if ratio and result.name != comparison.baseline else text

    peer = fastest_peer(comparison)
    peer_cell = f"{peer.label} {cell(peer)}" if peer else "–"
    ours = f"**{cell(comparison.get('fathom_auto'))}**"
    row = [cell(comparison.get(comparison.baseline)), ours, peer_cell, cell(comparison.get("torchvision"))]
    return [words[comparison.name], *row]


def _step_row(comparison: Comparison, words: dict[str, str]) -> list[str]:
    def cell(result: Result | None) -> str:
        return f"{1e6 * comparison.spread(result).median / comparison.work:,.0f}" if result else "–"

    peer = fastest_peer(comparison)
    ours = f"**{cell(comparison.get('fathom_auto'))}**"
    compiled = comparison.get("fathom_step")
    if compiled:
        ours += f" ({words['compiled'].format(cell(compiled))})"
    peer_cell = f"{peer.label} {cell(peer)}" if peer else "–"
    return [words["regression"], cell(comparison.get(comparison.baseline)), ours, peer_cell, "–"]
