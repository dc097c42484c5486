"""1 = 2 = 4 processes, step for step, in float64; losses in records are float32, weights are compared in full."""

from __future__ import annotations

import math

import pytest

FAST = ["memory", "tiny", "loader", "columns", "stops"]
SLOW = ["stream", "lists", "windows", "overfit", "frozen", "drawn"]


def check(found, name):
    one = found[1][0]
    for size in (2, 4):
        for given in found[size]:
            assert given["samples"] == one["samples"]
            # sums over other slices, in another order: rounding of float64, grown by some tens of steps
            assert given["weights"] == pytest.approx(one["weights"], rel=0, abs=1e-12)
            assert given["losses"] == pytest.approx(one["losses"], rel=2e-7)  # float32 in the records
            assert given.get("more", ()) == pytest.approx(one.get("more", ()), rel=2e-7)
            assert len(given["records"]) == len(one["records"])
            for mine, theirs in zip(given["records"], one["records"], strict=True):
                assert mine.keys() == theirs.keys()
                for key, value in theirs.items():
                    if isinstance(value, str) or not math.isfinite(value):
                        assert repr(mine[key]) == repr(value)
                    else:
                        assert mine[key] == pytest.approx(value, rel=3e-7), (name, size, key)
        # all processes tell the same
        assert all(given["records"] == found[size][0]["records"] for given in found[size])


def test_the_number_of_processes_changes_nothing(tmp_path, run_cases):
    found = run_cases(tmp_path, "cases.py", FAST)
    for name in FAST:
        check(found[name], name)
    # whole batches are evaluated as one process would: equal to the bit where the weights are
    assert len(found["stops"][1][0]["records"]) < 30


@pytest.mark.slow
def test_of_every_loader_and_option(tmp_path, run_cases):
    found = run_cases(tmp_path, "cases.py", SLOW)
    for name in SLOW:
        check(found[name], name)


@pytest.mark.slow
def test_weights_in_pieces_take_the_same_steps_and_are_saved_piece_by_piece(tmp_path, run_cases, monkeypatch):
    monkeypatch.setenv("STRATEGY", "fsdp")
    found = run_cases(tmp_path, "cases.py", ["sharded"])["sharded"]
    stopped, one, names = found[1][0]
    assert names == ["manifest.json", "state.json", "state.safetensors"]
    for size in (2, 4):
        for mine in found[size]:
            # whole again after a stop, too
            assert mine[0] == stopped
            assert mine[1]["weights"] == pytest.approx(one["weights"], abs=1e-11)
            assert mine[1]["losses"] == pytest.approx(one["losses"], rel=2e-7)
            pieces = [f"state-{rank + 1:05d}-of-{size:05d}.safetensors" for rank in range(size)]
            assert mine[2] == ["manifest.json", *pieces, "state.json"]
