"""What came out of a training, in a few lines."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fathom.cli.columns import lay_out
from fathom.monitor import FEW_TO_VALIDATE
from fathom.phrases import counted
from fathom.runs.folder.reader import RunReader

if TYPE_CHECKING:
    from fathom.build.trained import TrainedRun


def finish(trained: TrainedRun) -> int:
    """Say what came out and where it is."""
    from fathom.runs.analysis.numbers import decimal

    run = RunReader(trained.path)
    if (pruning := run.pruning) is not None:
        _print_pruning(pruning)  # before the figures: what the run was made for
    evaluation, training = trained.evaluation, trained.config.training
    unit = "token" if "perplexity" in (evaluation or {}) else "sample"
    looked_at = f"({counted((evaluation or {}).get('num_samples', 0), unit)}, evaluated once)"
    if evaluation is not None and "accuracy" in evaluation:
        print(f"test accuracy  {evaluation['accuracy']:.2%}  {looked_at}")
        if "label_accuracy" in evaluation:  # above, all labels of a sample had to be right
            print(f"label accuracy {evaluation['label_accuracy']:.2%}")
            print(f"label F1       {evaluation['f1_micro']:.2%} micro, {evaluation['f1_macro']:.2%} macro")
    elif evaluation is not None and "perplexity" in evaluation:
        print(f"test perplexity {evaluation['perplexity']:.4g}  {looked_at}")
    elif evaluation is not None:
        print(f"test RMSE      {decimal(evaluation['rmse'])}  {looked_at}")
    elif training.fast_dev_run:  # no evaluation: the run was a rehearsal, or there is no test split
        print("dry run        one batch went all the way through; nothing was learned")
    elif training.overfit_batches and trained.records:
        last = trained.records[-1]
        reached = f"accuracy {last['train_accuracy']:.2%}, " if "train_accuracy" in last else ""
        what = counted(training.overfit_batches, "batch", "batches")
        print(f"by heart       {reached}loss {last['train_loss']:.4g} on {what}; the test split was left alone")
    else:
        print("test accuracy  none, the data have no test split")
    is_rehearsal = "rehearsal" in run.run  # whose weights are of no use
    if not is_rehearsal and (best := _kept(run)):
        print(f"kept           {best}")
    if trained.comparison is not None:
        from fathom.runs.analysis.from_scratch import check_fine_tuning

        print(f"comparison     {' '.join(found.sentence for found in check_fine_tuning(trained.comparison))}")
    print(f"run folder     {trained.path}")
    print(f"report         {trained.report}")
    if not is_rehearsal:
        # "next" before the first line alone
        print("\n".join(f"{'next' if i == 0 else '':<15}{line}" for i, line in enumerate(_next_commands(trained))))
    # a diverged arm fails the command, as a diverged run does
    return 1 if (trained.comparison or {}).get("diverged") else 0


def _kept(run: RunReader) -> str:
    """Return which epoch's weights are kept, and why that one; nothing where there was no choice."""
    best, epochs = run.best(), run.epochs()  # of all parts of a resumed run
    if best is None or len(epochs) < 2:  # no choice with one epoch
        return ""
    split, _, metric = best.metric.partition("_")  # val_loss: ("val", "loss")
    name = f"{ {'train': 'training', 'val': 'validation'}.get(split, split) } {metric.replace('_', ' ')}".strip()
    value = f"{best.value:.2%}" if metric == "accuracy" else f"{best.value:.4g}"
    text = f"epoch {best.epoch:g} of {len(epochs)}: {'highest' if best.is_highest else 'lowest'} {name}, {value}"
    number = ((run.data or {}).get("splits") or {}).get("val", 0)
    if best.metric == "val_loss" and run.is_classifier and 0 < number < FEW_TO_VALIDATE:
        text += f" ({counted(number, 'sample')} are too few to tell epochs apart by accuracy)"
    return text


def _next_commands(trained: TrainedRun) -> list[str]:
    """Return what one does with a finished run: use it, look closer, take it elsewhere."""
    run = shlex.quote(str(trained.path))  # ready to be pasted, with spaces in the path
    use = {
        "images": f"fathom predict {run} photo.jpg folder/",
        # vectors cannot be given as a file
        "arrays": f"fathom predict {run} image.png" if "accuracy" in (trained.evaluation or {}) else "",
        "tables": f"fathom predict {run} new.csv",
        "texts": f'fathom generate {run} --prefix "the "',
    }.get(trained.config.data.kind)  # data from Python: no command takes them
    return [*([use] if use else []), f"fathom eval {run} --split val", f"fathom export {run}"]


def _print_pruning(record: Mapping[str, Any]) -> None:
    """Print what pruning did to the model of a run that began with a pruned one."""
    from fathom.runs.analysis.pruning import check_pruning, stage_table

    header, rows = stage_table(record)
    print("\n".join(["", *lay_out([header, *rows]), ""]))
    for finding in check_pruning(record):
        print(finding.sentence)
    print()
