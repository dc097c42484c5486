"""Batches of a text: each holds what stands in the text, each token once, and the same from any place on."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from fathom.data.texts.loaders import Columns, TokenLoader, Windows
from fathom.errors import UsageError

few = settings(max_examples=60, deadline=None)
sizes = {"n": st.integers(2, 90), "columns": st.integers(1, 6), "steps": st.integers(1, 7), "seed": st.integers(0, 5)}


def make(kind: type[TokenLoader], n: int, columns: int, steps: int, **options: object) -> TokenLoader | None:
    try:
        return kind(torch.arange(n, dtype=torch.int32), columns, steps, **options)  # type: ignore[arg-type]
    except UsageError:
        return None


def targets(loader: TokenLoader) -> Tensor:
    return torch.cat([y for _, _, y in loader])


@few
@given(**sizes)
def test_windows(n: int, columns: int, steps: int, seed: int) -> None:
    loader = make(Windows, n, columns, steps, shift=True, seed=seed)
    assert (loader is None) == (n < 2 * steps)
    if loader is None:
        return
    batches = list(loader)
    assert len(batches) == len(loader)
    for X, starts, y in batches:
        assert starts
        assert X.dtype == y.dtype == torch.int64
        assert X.shape[0] == steps
        assert y.shape == (X.numel(),)
        assert torch.equal(y.view_as(X), X + 1)  # the text counts up: what follows is one more
        assert torch.equal(X, X[:1] + torch.arange(steps)[:, None])
    seen = torch.cat([y for *_, y in batches])
    assert len(seen.unique()) == len(seen) == (n - steps) // steps * steps
    sizes_ = [X.shape[1] for X, *_ in batches]
    assert sizes_[:-1] == [columns] * (len(sizes_) - 1)


@few
@given(**sizes, whole=st.booleans())
def test_columns(n: int, columns: int, steps: int, seed: int, whole: bool) -> None:
    loader = make(Columns, n, columns, steps, shift=not whole, seed=seed, whole=whole)
    assert (loader is None) == (n - 1 < columns if whole else n - steps < columns * steps)
    if loader is None:
        return
    batches = list(loader)
    assert len(batches) == len(loader)
    assert [starts for _, starts, _ in batches] == [True] + [False] * (len(batches) - 1)
    for X, _, y in batches:
        assert torch.equal(y.view_as(X), X + 1)
        assert X.shape[1] == columns
    columns_of_text = torch.cat([X for X, *_ in batches])
    assert torch.equal(columns_of_text, columns_of_text[:1] + torch.arange(len(columns_of_text))[:, None])
    seen = torch.cat([y for *_, y in batches])
    assert len(seen.unique()) == len(seen)
    if whole:  # every token but the first, but for what columns of equal height leave over
        assert len(seen) == (n - 1) // columns * columns
        assert seen.min() == 1
    else:
        assert {X.shape[0] for X, *_ in batches} == {steps}


@pytest.mark.parametrize("kind", [Windows, Columns])
def test_every_token_is_learned_from_sooner_or_later(kind: type[TokenLoader]) -> None:
    loader = kind(torch.arange(47), 2, 5, shift=True, seed=1)
    seen = torch.cat([targets(loader) for _ in range(60)])
    assert set(seen.tolist()) == set(range(1, 47))


@pytest.mark.parametrize("kind", [Windows, Columns])
def test_epochs_differ_and_repeat(kind: type[TokenLoader]) -> None:
    tokens = torch.arange(200)
    first, again = kind(tokens, 3, 5, shift=True, seed=4), kind(tokens, 3, 5, shift=True, seed=4)
    epochs = [targets(first) for _ in range(3)]
    assert len({tuple(epoch.tolist()) for epoch in epochs}) > 1
    assert all(torch.equal(epoch, targets(again)) for epoch in epochs)


@few
@given(epoch=st.integers(0, 3), batch=st.integers(0, 8), kind=st.sampled_from([Windows, Columns]))
def test_a_pass_can_begin_anywhere(epoch: int, batch: int, kind: type[TokenLoader]) -> None:
    loader = kind(torch.arange(100), 3, 5, shift=True, seed=2)
    whole = [list(loader) for _ in range(epoch + 1)][epoch]
    loader.seek(epoch, batch)
    rest = list(loader)
    assert len(rest) == len(whole[batch:])
    for (X, starts, y), (X_whole, starts_whole, y_whole) in zip(rest, whole[batch:], strict=True):
        assert starts == starts_whole
        assert torch.equal(X, X_whole)
        assert torch.equal(y, y_whole)


def test_what_a_trainer_counts_are_tokens() -> None:
    for loader in (Windows(torch.arange(100), 3, 5), Columns(torch.arange(100), 3, 5)):
        assert loader.batch_size == 15 == len(next(iter(loader))[-1])


@pytest.mark.parametrize(
    ("columns", "steps", "message"),
    [
        (0, 5, "batch size must be at least 1"),
        (3, 0, "steps must be at least 1"),
        (30, 5, "100 tokens are too few for 30 sequences of 5 steps"),
    ],
)
def test_refused(columns: int, steps: int, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Columns(torch.arange(100), columns, steps)
