"""Markdown tables of what was measured."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from itertools import groupby

from bench.results import Comparison, Result, Run, Spread, Suite

Row = Sequence[str]

_CHOICES_TEXT = """Training images per second on 28×28 grey images, plain SGD, batch 256 (64 where a step would take too
long), medians of alternated rounds. All but the first column of rates keep glibc's heap from being trimmed. The last
column is the rate of Fathom's own choice over the best rate without compiling: 1 is the best."""


def table(header: Row, rows: Iterable[Row]) -> str:
    """Return a Markdown table; all columns but the first are numbers, aligned to the right."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def describe_suite(suite: Suite) -> str:
    """Return where, when and with what a suite was measured."""
    machine = suite.machine
    instructions = f" ({', '.join(machine['instructions'])})" if machine["instructions"] else ""
    versions = ", ".join(f"{name} {number}" for name, number in suite.versions.items())
    warning = "**Tiny sizes, to see that it runs: these numbers mean nothing.** " if suite.settings["quick"] else ""
    return (
        f"{warning}Measured {suite.date[:10]} on {machine['cpu']}{instructions}, {machine['cores']} cores, "
        f"{machine['threads']} threads, {machine['memory_gib']:.0f} GiB, {machine['system']}; {versions}."
        + "".join(f" `{name}` measured {date[:10]}." for name, date in suite.settings.get("added", {}).items())
    )


def epoch_section(suite: Suite) -> str:
    """Return the tables of seconds per epoch and images per second."""
    parts = []
    for comparison in suite.comparisons:
        rows = [
            [
                _name(result),
                f"{comparison.spread(result).median:.3g}",
                f"{comparison.rate(result).median:,.0f}",
                format_ratio(comparison.ratio(result)),
                format_ratio(inverse(comparison.ratio(result, "fathom_auto"))),
                f"{result.first:.3g}" if result.first is not None else "",
            ]
            for result in fastest_first(comparison)
        ]
        header = ["", "s per epoch", "images/s", "× the hand-written loop", "Fathom is faster ×", "first epoch, s"]
        choices = _choices(comparison)
        parts.append(f"### {comparison.title}\n\n{table(header, rows)}{choices}{_skipped(comparison)}")
    return "\n\n".join([*parts, describe_suite(suite)])


def step_section(suite: Suite) -> str:
    """Return the table of microseconds per step."""
    (comparison,) = suite.comparisons
    rows = [
        [
            _name(result),
            f"{1e6 * comparison.spread(result).median / comparison.work:,.0f}",
            format_ratio(inverse(comparison.ratio(result))),
        ]
        for result in fastest_first(comparison)
    ]
    return "\n\n".join(
        [
            table(["", "µs per step", "× the hand-written loop's time"], rows) + _skipped(comparison),
            describe_suite(suite),
        ]
    )


def startup_section(suite: Suite) -> str:
    """Return the table of seconds from the shell."""
    (comparison,) = suite.comparisons
    rows = []
    for result in fastest_first(comparison):
        spread = comparison.spread(result)
        ratio = inverse(comparison.ratio(result))
        rows.append([_name(result), f"{spread.median:.2f}", f"{spread.low:.2f}–{spread.high:.2f}", format_ratio(ratio)])
    baseline = comparison.get(comparison.baseline)
    against = f"× {baseline.label}" if baseline else ""
    return "\n\n".join([table(["", "s", "min–max", against], rows) + _skipped(comparison), describe_suite(suite)])


def memory_section(suite: Suite) -> str:
    """Return the table of peak memory."""
    (comparison,) = suite.comparisons
    rows = [
        [_name(result), f"{comparison.spread(result).median:,.0f}", format_ratio(inverse(comparison.ratio(result)))]
        for result in fastest_first(comparison)
    ]
    header = ["", "peak MiB", "× the hand-written loop"]
    return "\n\n".join([table(header, rows) + _skipped(comparison), describe_suite(suite)])


def export_section(suite: Suite) -> str:
    """Return the table of milliseconds for one image, a network after another."""
    parts = []
    for comparison in suite.comparisons:
        rows = [
            [
                _name(result),
                f"{1e3 * comparison.spread(result).median / comparison.work:.3g}",
                format_ratio(inverse(comparison.ratio(result))),
            ]
            for result in fastest_first(comparison)
        ]
        header = ["", "ms per image", "× eager PyTorch's time"]
        parts.append(f"### {comparison.title}\n\n{table(header, rows)}{_skipped(comparison)}")
    return "\n\n".join([*parts, describe_suite(suite)])


def table_section(suite: Suite) -> str:
    """Return the table of seconds and peak memory from a file of rows to a trained epoch."""
    (comparison,) = suite.comparisons
    rows = [
        [
            _name(result),
            f"{comparison.spread(result).median:.1f}",
            format_ratio(inverse(comparison.ratio(result))),
            f"{result.facts['peak_mib'] / 1024:.1f}",
        ]
        for result in fastest_first(comparison)
    ]
    header = ["", "s", "× the hand-written time", "peak GiB"]
    return "\n\n".join([table(header, rows) + _skipped(comparison), describe_suite(suite)])


def folder_section(suite: Suite) -> str:
    """Return the tables of the seconds that decoding takes, and an epoch after it."""
    parts = []
    for comparison, what in zip(suite.comparisons, ("s", "s per epoch"), strict=True):
        rows = [
            [_name(result), f"{comparison.spread(result).median:.2f}", format_ratio(inverse(comparison.ratio(result)))]
            for result in fastest_first(comparison)
        ]
        baseline = comparison.get(comparison.baseline)
        header = ["", what, f"× {baseline.label if baseline else comparison.baseline}"]
        parts.append(f"### {comparison.title}\n\n{table(header, rows)}{_skipped(comparison)}")
    return "\n\n".join([*parts, describe_suite(suite)])


def scratch_section(suite: Suite) -> str:
    """Return the table of seconds per epoch on NumPy and on PyTorch."""
    (comparison,) = suite.comparisons
    rows = [
        [_name(result), f"{comparison.spread(result).median:.3f}", format_ratio(inverse(comparison.ratio(result)))]
        for result in fastest_first(comparison)
    ]
    return "\n\n".join([table(["", "s per epoch", "× PyTorch's time"], rows), describe_suite(suite)])


def doctor_section(suite: Suite) -> str:
    """Return the time of training with and without the doctor, and the overhead, turn by turn."""
    (comparison,) = suite.comparisons
    off, on = (next(r for r in comparison.results if r.name == name) for name in ("unwatched", "watched"))
    # in pairs: what slows a turn of both cancels
    ratios = [100 * (b / a - 1) for a, b in zip(off.values, on.values, strict=True)]
    rows = [
        [r.label, f"{statistics.median(r.values):.3f}", f"{r.first or 0.0:.3f}", f"{r.facts['peak_mib']:.0f}"]
        for r in (off, on)
    ]
    memory = 100 * (on.facts["peak_mib"] / off.facts["peak_mib"] - 1)
    said = (
        f"Overhead: {statistics.median(ratios):+.1f} % of the time (median of {len(ratios)} pairs of turns, from "
        f"{min(ratios):+.1f} to {max(ratios):+.1f} %), {memory:+.1f} % of the peak of memory. The first turn has the "
        "first steps, which are followed more closely."
    )
    header = ["", "s per turn", "first turn", "peak MiB"]
    return "\n\n".join([table(header, rows) + _skipped(comparison), said, describe_suite(suite)])


def accuracy_section(suite: Suite) -> str:
    """Return the table of test accuracy over seeds and of the time to 90 and 91 %."""
    rows = []
    for label, runs in grouped_runs(suite):
        accuracies = [run.kept_accuracy for run in runs]
        middle = statistics.fmean(accuracies)
        deviation = statistics.stdev(accuracies) if len(runs) > 1 else 0.0
        name = f"**{label}**" if runs[0].group == "fathom" else label
        rows.append(
            [
                name,
                str(len(runs)),
                f"{middle:.2%} ± {100 * deviation:.2f}",
                f"{min(accuracies):.2%}–{max(accuracies):.2%}",
                f"{statistics.median(run.train_s for run in runs):.1f}",
                _time_to(0.90, runs),
                _time_to(0.91, runs),
            ]
        )
    header = ["", "seeds", "test accuracy, mean ± sd", "min–max", "training s", "s to 90 %", "s to 91 %"]
    return "\n\n".join([table(header, rows), describe_suite(suite)])


def choices_page(suite: Suite) -> str:
    """The page of all networks: rates of every variant, and how good Fathom's choice was."""
    networks = suite.settings.get("networks", {})
    # A network without convolutions has fewer variants than the others.
    fullest = max(suite.comparisons, key=lambda comparison: len(comparison.results))
    labels = {result.name: result.label for result in fullest.results}
    rows = []
    for comparison in suite.comparisons:
        facts = networks[comparison.name]
        rates = {result.name: comparison.rate(result).median for result in comparison.results}
        uncompiled = {name: rate for name, rate in rates.items() if name != "compiled"}
        best = max(uncompiled, key=lambda name: uncompiled[name])
        chosen = facts["chosen"]
        share = f"{uncompiled[chosen] / uncompiled[best]:.2f}" if chosen in uncompiled else ""
        cells = [f"{rates[name]:,.0f}" if name in rates else "" for name in labels]
        rows.append([comparison.name, _scaled(facts["flops"]), *cells, labels.get(chosen, chosen), share])
    header = ["", "FLOPs", *labels.values(), "Fathom chooses", "of the best"]
    return "\n\n".join(
        [
            "# What Fathom chooses, network by network",
            _CHOICES_TEXT,
            table(header, rows),
            describe_suite(suite),
        ]
    )


def fastest_first(comparison: Comparison) -> list[Result]:
    """Order results by their median."""
    measured = [result for result in comparison.results if result.values]
    return sorted(measured, key=lambda result: comparison.spread(result).median)


def grouped_runs(suite: Suite) -> list[tuple[str, list[Run]]]:
    """Return the runs of each contender, in the order in which they were planned."""
    order = {run.name: place for place, run in reversed(list(enumerate(suite.runs)))}
    runs = sorted(suite.runs, key=lambda run: order[run.name])
    return [(group[0].label, group) for _, members in groupby(runs, key=lambda r: r.name) if (group := list(members))]


def inverse(ratio: Spread | None) -> Spread | None:
    """Turn "times faster" into "times the time"."""
    return None if ratio is None else Spread(1 / ratio.median, 1 / ratio.high, 1 / ratio.low)


def format_ratio(ratio: Spread | None) -> str:
    """Return the median with the ends."""
    if ratio is None:
        return ""
    if ratio.low == ratio.high:  # against itself, or a single round
        return f"{ratio.median:.2f}"
    return f"{ratio.median:.2f} ({ratio.low:.2f}–{ratio.high:.2f})"


def _name(result: Result) -> str:
    return f"**{result.label}**" if result.group == "fathom" else result.label


def _choices(comparison: Comparison) -> str:
    result = comparison.get("fathom_auto")
    if result is None or "choices" not in result.facts:
        return ""
    chosen = "; ".join(f"{name}: {value}" for name, value in result.facts["choices"].items())
    return f"\n\nFathom chose {chosen}."


def _skipped(comparison: Comparison) -> str:
    if not comparison.skipped:
        return ""
    return "\n\nLeft out: " + "; ".join(f"{name} ({reason})" for name, reason in comparison.skipped.items()) + "."


def _time_to(accuracy: float, runs: list[Run]) -> str:
    times = [run.seconds_to(accuracy) for run in runs]
    reached = sorted(time for time in times if time is not None)
    if not reached:
        return "–"
    text = f"{statistics.median(reached):.1f}"
    return text if len(reached) == len(runs) else f"{text} ({len(reached)} of {len(runs)})"


def _scaled(number: float) -> str:
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return f"{number:.0f}"
