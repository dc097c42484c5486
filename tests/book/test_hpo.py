"""The chapter on hyper-parameter optimisation."""

import numpy as np
import pytest
import torch

from fathom.d2l import torch as d2l

stats = pytest.importorskip("scipy.stats")


def test_random_search_tunes_an_objective(capsys):
    """The API: a searcher, a scheduler, a tuner, and the trajectory of the best."""
    space = {"learning_rate": stats.loguniform(1e-2, 1), "batch_size": stats.randint(32, 256)}
    first = {"learning_rate": 0.1, "batch_size": 128}
    searcher = d2l.RandomSearcher(space, initial_config=first)
    scheduler = d2l.BasicScheduler(searcher=searcher)
    assert isinstance(scheduler, d2l.HPOScheduler)
    assert isinstance(searcher, d2l.HPOSearcher)

    def objective(learning_rate, batch_size):
        return torch.tensor((np.log10(learning_rate) + 1) ** 2 + batch_size / 1000, requires_grad=True)

    tuner = d2l.HPOTuner(scheduler=scheduler, objective=objective)
    tuner.run(number_of_trials=6)
    assert tuner.records[0]["config"] == first
    assert first == {"learning_rate": 0.1, "batch_size": 128}  # left as it was given
    errors = [record["error"] for record in tuner.records]
    assert errors[0] == pytest.approx(0.128)
    assert tuner.incumbent_trajectory == list(np.minimum.accumulate(errors))
    assert tuner.incumbent_error == min(errors)
    assert tuner.incumbent == tuner.records[int(np.argmin(errors))]["config"]
    assert tuner.cumulative_runtime == sorted(tuner.cumulative_runtime)
    assert tuner.current_runtime == tuner.cumulative_runtime[-1]
    assert all(0.01 <= record["config"]["learning_rate"] <= 1 for record in tuner.records)
    assert capsys.readouterr().out.startswith(
        "Trial 0: config = {'learning_rate': 0.1, 'batch_size': 128}\n    error = "
    )
    board = d2l.ProgressBoard(xlabel="time", ylabel="error")
    for stamp, error in zip(tuner.cumulative_runtime, tuner.incumbent_trajectory, strict=True):
        board.draw(stamp, error, "random search", every_n=1)
    assert [point.y for point in board.data["random search"]] == tuner.incumbent_trajectory


class Count(d2l.HPOSearcher):
    """Proposes 0, 1, 2 …"""

    def __init__(self):
        self.number = -1
        self.seen = []

    def sample_configuration(self):
        self.number += 1
        return {"x": self.number}

    def update(self, config, error, additional_info=None):
        self.seen.append((config["x"], error))


def test_successive_halving():
    """Eight configurations on two epochs, the better four on four, the best two on eight, the best on ten."""
    searcher = Count()
    scheduler = d2l.SuccessiveHalvingScheduler(searcher, eta=2, r_min=2, r_max=10)
    assert scheduler.rung_levels == [2, 4, 8, 10]
    assert scheduler.K == 3
    runs = []

    def objective(x, max_epochs):
        runs.append((x, max_epochs))
        return abs(x - 5) + 0.1 / max_epochs

    tuner = d2l.HPOTuner(scheduler=scheduler, objective=objective)
    tuner.run(number_of_trials=15)
    assert [max_epochs for _, max_epochs in runs] == [2] * 8 + [4] * 4 + [8] * 2 + [10]
    assert sorted(x for x, _ in runs[:8]) == list(range(8))
    assert sorted(x for x, _ in runs[8:12]) in ([3, 4, 5, 6], [4, 5, 6, 7])
    assert runs[14] == (5, 10)
    assert len(searcher.seen) == 15
    assert scheduler.queue == []
    assert {rung: len(found) for rung, found in scheduler.all_observed_error_at_rungs.items()} == {
        2: 8,
        4: 4,
        8: 2,
        10: 1,
    }
    tuner.run(number_of_trials=1)  # a new round begins
    assert runs[15][1] == 2
    assert len(scheduler.queue) == 7
    assert scheduler.get_top_n_configurations(rung_level=4, n=3) == []


def test_rungs_that_end_at_r_max():
    scheduler = d2l.SuccessiveHalvingScheduler(Count(), eta=3, r_min=1, r_max=9, prefact=2)
    assert scheduler.rung_levels == [1, 3, 9]
    assert scheduler.suggest() == {"x": 17, "max_epochs": 1}  # 2 · 3² wait; the last made runs first


def test_validation_error_is_the_share_of_mistakes():
    X, y = torch.randn(40, 6), torch.randint(3, (40,))

    class Data(d2l.DataModule):
        def __init__(self):
            super().__init__()
            self.batch_size = 10

        def get_dataloader(self, train):
            return self.get_tensorloader((X, y), train)

    model = d2l.SoftmaxRegression(num_outputs=3, lr=0.1)
    trainer = d2l.HPOTrainer(max_epochs=1)
    model.board.display = False
    trainer.fit(model, Data())
    error = trainer.validation_error()
    assert float(d2l.numpy(error.cpu())) == pytest.approx((model(X).argmax(1) != y).float().mean().item())
    assert not model.training


def test_objective_of_lenet(monkeypatch):
    """The section's objective on a tenth of a per cent of Fashion-MNIST."""
    from fathom.d2l.topics import hpo

    class Few(d2l.DataModule):
        def __init__(self, batch_size):
            super().__init__()
            self.batch_size = batch_size

        def get_dataloader(self, train):
            return self.get_tensorloader((torch.rand(60, 1, 28, 28), torch.arange(60) % 10), train)

    monkeypatch.setattr(hpo, "FashionMNIST", Few)
    error = d2l.hpo_objective_lenet(learning_rate=0.1, batch_size=np.int64(30), max_epochs=1)
    assert 0 <= error.item() <= 1


def test_gaussian_kernel():
    x1, x2 = np.array([0.0, 1.0]), np.array([0.0, 2.0, 4.0])
    assert d2l.rbfkernel(x1, x2, ls=2.0) == pytest.approx(np.exp(-((x1[:, None] - x2) ** 2) / 4))
