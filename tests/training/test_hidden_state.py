"""The hidden state of a language model: carried from batch to batch, cut off from its past, kept by a checkpoint."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from fathom.data.texts.module import TextData
from fathom.data.texts.options import TextOptions
from fathom.metrics import Perplexity
from fathom.models import registry
from fathom.module import LanguageModel
from fathom.training.callbacks import Callback
from fathom.training.checkpoint import load_checkpoint, save_checkpoint
from fathom.training.device import Execution
from fathom.training.trainer import Trainer

TEXT = "the tide is out and the sand is wet, and the gulls walk where the sea has been.\n" * 12


def make_data(partition: str = "sequential") -> TextData:
    return TextData(TEXT, 3, val=0.1, test=0.0, options=TextOptions(steps=8, partition=partition))


def make_module(cell: str = "gru", seed: int = 1, **options: Any) -> LanguageModel:
    torch.manual_seed(seed)
    data = make_data()
    net = registry.create(cell, input_shape=(8,), num_classes=data.num_outputs, hidden=12, **options)
    return LanguageModel(net, tokens=data.vocabulary.tokens, lr=0.5)


def make_trainer(*callbacks: Callback, epochs: int = 2) -> Trainer:
    return Trainer(epochs, execution=Execution(torch.device("cpu")), clip_norm=1.0, log_every=3, callbacks=callbacks)


class Keep(Callback):
    """Takes the whole state after every step, through a checkpoint on disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def on_step_end(self, trainer: Trainer) -> None:
        save_checkpoint(self.folder / str(trainer.step), trainer.state_dict())


def timeless(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{k: v for k, v in r.items() if k not in ("samples_per_s", "elapsed_s")} for r in records]


@pytest.mark.parametrize(
    ("cell", "partition"),
    [
        ("gru", "random"),
        ("lstm", "sequential"),
        pytest.param("gru", "sequential", marks=pytest.mark.slow),
        pytest.param("lstm", "random", marks=pytest.mark.slow),
    ],
)
def test_resumed_in_the_middle_of_an_epoch(cell: str, partition: str, tmp_path: Path) -> None:
    options = {"layers": 2, "dropout": 0.2}
    module, data = make_module(cell, **options), make_data(partition)
    records = timeless(make_trainer(Keep(tmp_path)).fit(module, data))
    steps = len(data.train_dataloader())
    for step in (1, steps - 1, steps, steps + 2):
        resumed = make_module(cell, seed=9, **options)
        state = load_checkpoint(tmp_path / str(step))
        assert timeless(make_trainer().fit(resumed, make_data(partition), state=state)) == records
        assert all(torch.equal(a, b) for a, b in zip(module.parameters(), resumed.parameters(), strict=True))


def test_without_the_state_a_resumed_run_would_be_another(tmp_path: Path) -> None:
    make_trainer(Keep(tmp_path)).fit(module := make_module(), make_data())
    state = load_checkpoint(tmp_path / "2")
    assert state["carried"].shape == (1, 3, 12)
    state["carried"] = torch.zeros_like(state["carried"])
    make_trainer().fit(resumed := make_module(seed=9), make_data(), state=state)
    assert not torch.equal(next(module.parameters()), next(resumed.parameters()))


def test_steps_are_those_of_a_loop_written_by_hand() -> None:
    module, data = make_module(), make_data()
    net = make_module().net
    make_trainer(epochs=1).fit(module, data)
    state = None
    optimizer = torch.optim.SGD(net.parameters(), lr=0.5)
    for X, starts, y in data.train_dataloader():
        output, state = net(X, None if starts else state)
        state = state.detach()
        loss = F.cross_entropy(output.reshape(-1, data.num_outputs), y)
        optimizer.zero_grad()
        loss.backward()
        norm = torch.sqrt(sum(p.grad.square().sum() for p in net.parameters()))  # type: ignore[arg-type]
        for parameter in net.parameters():
            parameter.grad *= min(1.0, 1.0 / float(norm))  # clipping as the book has it
        optimizer.step()
    for ours, theirs in zip(module.net.parameters(), net.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_perplexity_is_made_of_the_mean_loss_and_not_a_mean_of_perplexities() -> None:
    records = make_trainer(epochs=1).fit(make_module(), make_data())
    for part in ("train", "val"):
        assert records[0][f"{part}_perplexity"] == pytest.approx(math.exp(records[0][f"{part}_loss"]))
    assert Perplexity().derive({"loss": 5000.0}) < math.inf


def test_gradients_stay_within_a_batch() -> None:
    module = make_module()
    first, second, *_ = make_data().train_dataloader()
    module.training_step(first)
    carried = module.hidden_state()
    assert not carried.requires_grad
    module.training_step(second)["loss"].backward()  # would fail if it reached back into the first, which has no graph
    assert torch.equal(carried, module.net(first[0])[1].detach())


def test_a_batch_that_begins_takes_no_state() -> None:
    module = make_module()
    (X, starts, y), *_ = make_data().train_dataloader()
    assert starts
    fresh = module.training_step((X, True, y))["loss"]
    module.training_step((X, False, y))
    assert torch.equal(module.training_step((X, True, y))["loss"], fresh)
    assert not torch.equal(module.training_step((X, False, y))["loss"], fresh)


def test_validation_does_not_reach_into_training() -> None:
    """The state after validation is that of the held-out text; the next epoch begins without it."""
    with_val, without = make_module(), make_module()
    data, plain = make_data(), make_data()
    plain.val = plain.val[:0]
    make_trainer().fit(with_val, data)
    make_trainer().fit(without, plain)
    assert all(torch.equal(a, b) for a, b in zip(with_val.parameters(), without.parameters(), strict=True))
