"""What goes wrong in one of several processes, and what the others do about it; stops and resumes in other numbers."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.slow
FAULTS = ["poisoned", "unequal", "unseeded", "masks", "norms", "sampler"]


@pytest.fixture(scope="module")
def faults(tmp_path_factory, run_cases):
    return run_cases(tmp_path_factory.mktemp("faults"), "cases.py", FAULTS, sizes=(1, 2))


def test_a_loss_that_is_not_finite_in_one_process_stops_all_in_the_same_step_with_one_finding(faults):
    first, second = faults["poisoned"][2]
    assert first == second
    assert first[0] == "loss is not finite at step 4 (epoch 1, batch 4) in process 1 of 2"


def test_weights_that_differ_are_named(faults):
    first, second = faults["unequal"][2]
    assert first == second
    assert first.startswith("parameter 'net.0.weight' of process 1 is not that of process 0 after step 4")
    assert faults["unequal"][1] == [None]


def test_processes_that_read_different_batches_are_refused(faults):
    assert all("the processes read different batches" in found for found in faults["unseeded"][2])


def test_dropout_masks_differ_and_the_first_process_draws_what_one_alone_would(faults):
    first, second = faults["masks"][2]
    assert first[0] != second[0]
    assert second[0] != second[1]
    assert first[0] == faults["masks"][1][0][0]


def test_statistics_of_batch_norm_are_brought_together(faults):
    first, second = faults["norms"][2]
    assert first == second
    # means of halves, averaged, are means of the whole
    assert first == pytest.approx(faults["norms"][1][0], abs=1e-12)


def test_a_distributed_sampler_is_taken_as_it_is(faults):
    assert faults["sampler"] == {1: [32], 2: [32, 32]}


def test_stopped_in_two_processes_and_resumed_in_one_two_and_four(tmp_path, run_cases, monkeypatch):
    told = run_cases(tmp_path / "a", "cases.py", ["stopped"], sizes=(2,))["stopped"][2]
    assert told[0] == told[1]  # a signal to one process stops both after the same step
    assert len(told[0]) == 3
    assert told[0][0] == "stopped in epoch 2, step 13; a checkpoint is saved"
    monkeypatch.setenv("STOPPED", str(tmp_path / "a" / "2" / "stopped"))
    one = run_cases(tmp_path / "b", "cases.py", ["whole"], sizes=(1,))["whole"][1][0]
    found = run_cases(tmp_path / "c", "cases.py", ["resumed"])["resumed"]
    for size, processes in found.items():
        for given in processes:
            for mine, theirs in zip(given, one, strict=True):
                assert mine["weights"] == pytest.approx(theirs["weights"], abs=1e-12), size
                assert mine["losses"] == pytest.approx(theirs["losses"][-len(mine["losses"]) :], rel=2e-7)
                assert mine["samples"] == theirs["samples"]
                for a, b in zip(mine["records"], theirs["records"], strict=True):
                    assert a == pytest.approx(b, rel=3e-7)
