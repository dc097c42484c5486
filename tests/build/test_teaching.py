"""Distillation: its loss against a closed form, a teacher that stays as it is, samples that do not leak."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from fathom.build.configure import configure
from fathom.build.teaching import Student, attach_teacher, check_same_split
from fathom.data.array_data import ArrayData
from fathom.data.arrays import Arrays
from fathom.data.images.augment.augmentation_spec import make_augmentation
from fathom.errors import UsageError
from fathom.losses import soft_targets
from fathom.module import Classifier
from fathom.preprocess import Preprocess
from fathom.training.device import choose_execution
from fathom.training.trainer import Trainer


def test_soft_targets_are_the_closed_form_and_their_gradient():
    o = torch.randn(5, 4, dtype=torch.float64, requires_grad=True)
    t = torch.randn(5, 4, dtype=torch.float64)
    T = 3.0
    p, q = (o / T).softmax(1), (t / T).softmax(1)
    expected = T**2 * (q * (q.log() - p.log())).sum() / 5
    loss = soft_targets(o, t, T)
    torch.testing.assert_close(loss, expected)
    (gradient,) = torch.autograd.grad(loss, o)
    torch.testing.assert_close(gradient, T * (p - q).detach() / 5)  # dC/do = (p − q)/T per example, times T²


def test_without_softening_a_certain_teacher_is_a_label():
    o, labels = torch.randn(6, 3), torch.tensor([0, 1, 2, 0, 1, 2])
    certain = 1000.0 * F.one_hot(labels, 3).float()
    torch.testing.assert_close(soft_targets(o, certain), F.cross_entropy(o, labels))


def test_shapes_that_differ_are_named():
    with pytest.raises(UsageError, match=r"\(2, 3\) with targets of shape \(2, 4\)"):
        soft_targets(torch.zeros(2, 3), torch.zeros(2, 4), 2.0)


def _net():
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(9, 3))


def _data(**options):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (60, 1, 3, 3), dtype=np.uint8)
    return ArrayData(Arrays(images, np.arange(60) % 3, None, None, ("a", "b", "c")), 8, **options)


def _student(alpha=0.7, seed=1):
    torch.manual_seed(0)
    teacher = Classifier(
        torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(9, 3), torch.nn.Dropout(0.5), torch.nn.BatchNorm1d(3)),
        preprocess=Preprocess([0.9], [0.1]),  # not the student's
    )
    torch.manual_seed(seed)
    return Student(_net(), teacher, alpha=alpha, temperature=4.0, preprocess=Preprocess([0.5], [0.25]))


def _train(student, data):
    execution = choose_execution(student, data.example_input(), device="cpu")
    attach_teacher(student, data, execution)
    return Trainer(2, optimizer=lambda m: torch.optim.SGD(m.parameters(), lr=0.1), execution=execution).fit(
        student, data
    )


def test_the_loss_mixes_both_and_the_teacher_reads_in_its_own_way():
    student, data = _student(), _data()
    X, y = next(iter(data.train_dataloader()))
    student.train()
    got = student.training_step((X, y))
    with torch.no_grad():
        teacher, own = student.teacher, student(X)
        opinion = teacher.net.eval()((X.float() / 255 - 0.9) / 0.1)
    soft, hard = soft_targets(own, opinion, 4.0), F.cross_entropy(own, y)
    torch.testing.assert_close(got["loss"].detach(), 0.7 * soft + 0.3 * hard)
    torch.testing.assert_close(got["soft_loss"], soft)


def test_opinions_known_beforehand_teach_the_same_and_the_teacher_stays_as_it_is():
    known, asked = _student(), _student()
    before = {name: value.clone() for name, value in known.teacher.state_dict().items()}
    data, other = _data(), _data()
    _train(known, data)
    assert data.soft is not None
    other.augment = lambda X, generator: X  # changes nothing, but could: the teacher is asked at every step
    _train(asked, other)
    assert other.soft is None
    for name, value in known.state_dict().items():
        torch.testing.assert_close(value, asked.state_dict()[name])
    for name, value in known.teacher.state_dict().items():
        assert torch.equal(value, before[name])
    assert not any("teacher" in name or "outside" in name for name in known.state_dict())


def test_alpha_0_is_ordinary_training():
    student, data = _student(alpha=0.0), _data()
    _train(student, data)
    torch.manual_seed(1)
    plain = Classifier(_net(), preprocess=Preprocess([0.5], [0.25]))
    execution = choose_execution(plain, data.example_input(), device="cpu")
    plain_data = _data()
    Trainer(2, optimizer=lambda m: torch.optim.SGD(m.parameters(), lr=0.1), execution=execution).fit(plain, plain_data)
    for name, value in plain.state_dict().items():
        torch.testing.assert_close(student.state_dict()[name], value)


def test_a_step_compiled_whole_has_no_place_for_questions():
    student, data = _student(), _data(augment=make_augmentation("crop:padding=1"))
    execution = choose_execution(student, data.example_input(), device="cpu", compile="step")
    with pytest.raises(UsageError, match="use --compile forward"):
        attach_teacher(student, data, execution)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"seed": 5}, "data.split_seed=5, not 0"),
        ({"data": {"val": 0.2}}, "data.val=0.2, not 0.1"),
        ({"data": {"fold": {"index": 1, "of": 3}}}, "data.fold="),
    ],
)
def test_another_division_would_leak(other, message):
    with pytest.raises(UsageError, match=message):
        check_same_split(configure(other), configure({}))


def test_the_same_division_by_another_seed_is_fine():
    check_same_split(configure({"seed": 5}), configure({"seed": 7, "data": {"split_seed": 5}}))
    check_same_split(configure({"seed": 5}), configure({"data": {"name": "mnist"}}))
