"""XOR: what a perceptron cannot compute, and how reliably a network learns it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from fathom.lab.ensembles import Recipe, train_ensemble
from fathom.lab.experiment import Claim, Comparison, Conditions, Design, Fact, Plot, Reading

_WIDTHS = (2, 3, 4, 8, 16)
_X = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
_Y = torch.tensor([0, 1, 1, 0])


def measure(arm: str, seeds: Sequence[int], conditions: Conditions) -> Iterator[dict[str, float]]:
    """Train on the four points; yield 1 where all four are right."""
    recipe = Recipe(
        widths=(int(arm.removeprefix("width")),),
        activation=conditions["activation"],
        epochs=conditions["steps"],
        batch_size=4,
        lr=conditions["lr"],
        optimizer="adam",
    )
    X, y = _X.expand(len(seeds), 4, 2), _Y.expand(len(seeds), 4)
    ensemble = train_ensemble(X, y, recipe, seeds, num_outputs=2)
    for value in ensemble.accuracy(X, y).tolist():
        yield {"solved_share": float(value == 1.0)}


def check(conditions: Conditions) -> Sequence[Fact]:
    """Write a network down that computes XOR; let the perceptron's rule go round."""
    from fathom.scratch.studies.perceptron import Perceptron

    hidden = torch.relu(_X.sum(1, keepdim=True) + torch.tensor([[0.0, -1.0]]))  # (4, 2): a + b, and a + b − 1
    output = hidden @ torch.tensor([1.0, -2.0])
    end = Perceptron(2).fit(_X.numpy(), 2 * _Y.numpy() - 1)
    return [
        Fact("no perceptron computes it: its rule comes back to where it was", end.repeats and not end.converged),
        Fact("two hidden ReLUs do: relu(a + b) − 2 relu(a + b − 1)", torch.equal(output, _Y.float())),
    ]


CLAIM = Claim(
    number=24,
    title="XOR",
    statement="A perceptron cannot learn XOR; a network with a hidden layer can.",
    place="N1 §1.4.1; N2",
    paper="Minsky & Papert 1969",
    design=Design(
        factor="units in the hidden layer: 2, 3, 4, 8, 16",
        fixed="ReLU, Adam at 0.01, full batches, He initialisation",
        budget="the same number of steps for every width, enough for the loss to stop moving",
        arms={f"width{width}": f"{width} hidden" for width in _WIDTHS},
        seeds=200,
        quick_seeds=100,
    ),
    comparisons=[
        Comparison(
            f"share solved with {width} hidden, less 1",
            f"width{width}",
            1.0,
            "same",
            margin=0.05,
            measure="solved_share",
            unit="pp",
            is_judged=width in (2, 16),
            statistic="bootstrap",
        )
        for width in (2, 4, 16)
    ],
    measure=measure,
    facts=check,
    plot=Plot("solved_share", "share of trainings that solve XOR", _WIDTHS, "hidden units", log_x=True),
    settings={"steps": 2000, "lr": 0.01, "activation": "relu"},
    quick={"steps": 1000},
    reading=Reading(
        sentences=(
            "Two ReLUs are enough to compute XOR, which is no promise that descent finds them.",
            "Of {seeds} trainings {width2} succeed with 2 hidden units, {width4} with 4 and {width16} with 16.",
            "Give a network more units than the function needs: the spare ones make a good start likely.",
        ),
        would_change=("Perhaps another activation or other first weights: --set activation=tanh asks."),
        depends_on="the width, for training though not for what can be computed",
        chinese=(
            "感知机不能拟合异或，多层感知机可以",
            "能表示不等于能学到：隐藏单元为 2、4、16 时训练成功率 {width2}、{width4}、{width16}",
        ),
    ),
)
