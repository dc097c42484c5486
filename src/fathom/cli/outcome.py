"""What came out of a training, in a few lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fathom.cli.columns import lay_out
from fathom.phrases import counted
from fathom.runs.folder.reader import RunReader

if TYPE_CHECKING:
    from fathom.build.run import TrainedRun


def finish(trained: TrainedRun) -> int:
    """Say what came out and where it is."""
    from fathom.runs.analysis.numbers import decimal

    if (pruning := RunReader(trained.path).pruning) is not None:
        _print_pruning(pruning)
    evaluation, training = trained.evaluation, trained.config.training
    unit = "token" if "perplexity" in (evaluation or {}) else "sample"
    looked_at = f"({counted((evaluation or {}).get('num_samples', 0), unit)}, evaluated once)"
    if evaluation is not None and "accuracy" in evaluation:
        print(f"test accuracy  {evaluation['accuracy']:.2%}  {looked_at}")
        if "label_accuracy" in evaluation:  # above, all labels of a sample had to be right
            print(f"label accuracy {evaluation['label_accuracy']:.2%}")
    elif evaluation is not None and "perplexity" in evaluation:
        print(f"test perplexity {evaluation['perplexity']:.4g}  {looked_at}")
    elif evaluation is not None:
        print(f"test RMSE      {decimal(evaluation['rmse'])}  {looked_at}")
    elif training.fast_dev_run:
        print("dry run        one batch went all the way through; nothing was learned")
    elif training.overfit_batches and trained.records:
        last = trained.records[-1]
        reached = f"accuracy {last['train_accuracy']:.2%}, " if "train_accuracy" in last else ""
        what = counted(training.overfit_batches, "batch", "batches")
        print(f"by heart       {reached}loss {last['train_loss']:.4g} on {what}; the test split was left alone")
    else:
        print("test accuracy  none, the data have no test split")
    if trained.comparison is not None:
        from fathom.runs.analysis.from_scratch import check_fine_tuning

        print(f"comparison     {' '.join(found.sentence for found in check_fine_tuning(trained.comparison))}")
    print(f"run folder     {trained.path}")
    print(f"report         {trained.report}")
    return 1 if (trained.comparison or {}).get("diverged") else 0


def _print_pruning(record: Mapping[str, Any]) -> None:
    """Print what pruning did to the model of a run that began with a pruned one."""
    from fathom.runs.analysis.pruning import check_pruning, stage_table

    header, rows = stage_table(record)
    print("\n".join(["", *lay_out([header, *rows]), ""]))
    for finding in check_pruning(record):
        print(finding.sentence)
    print()
