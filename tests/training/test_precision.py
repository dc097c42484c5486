"""Half precision and memory formats: they learn, evaluate in the same precision, and take part where asked."""

import pytest
import torch
from torch import nn

from fathom.errors import UsageError
from fathom.module import Classifier, Regressor
from fathom.training.callbacks import Callback, ClipValue, L1Penalty
from fathom.training.device import Execution, choose_execution, find_device
from fathom.training.optimizers import make_optimizer
from fathom.training.trainer import Trainer

CPU = torch.device("cpu")


class Dtypes(Classifier):
    """Notes the precision its network computes in."""

    seen: dict[str, torch.dtype]

    def forward(self, X):
        logits = super().forward(X)
        self.seen["train" if self.training else "val"] = logits.dtype
        return logits


@pytest.mark.parametrize(("precision", "dtype"), [("bf16", torch.bfloat16), ("fp16", torch.float16)])
def test_half_precision_trains_and_lowers_the_loss(images, make_classifier, precision, dtype):
    module = make_classifier(batch_norm=True)
    module.__class__ = Dtypes
    module.seen = {}
    trainer = Trainer(
        5, optimizer=lambda m: make_optimizer("adamw", m, 0.01), execution=Execution(CPU, precision=precision)
    )
    records = trainer.fit(module, images())
    assert module.seen == {"train": dtype, "val": dtype}
    assert records[-1]["train_loss"] < 0.5 * records[0]["train_loss"]
    assert all(p.dtype == torch.float32 for p in module.parameters())
    assert (trainer.scaler is not None) == (precision == "fp16")

    # From the same weights on, the first step sees the same loss to the precision of the format.
    def first_loss(precision):
        first = []

        class Log(Callback):
            def on_log(self, trainer, record):
                first.append(record["train_loss"])

        execution = Execution(CPU, precision=precision)
        Trainer(1, execution=execution, callbacks=[Log()], log_every=1).fit(make_classifier(batch_norm=True), images())
        return first[0]

    assert first_loss(precision) == pytest.approx(first_loss("fp32"), rel=0.01)
    assert first_loss(precision) != first_loss("fp32")


@pytest.mark.parametrize("accumulate", [1, 2])
def test_in_fp16_gradients_are_unscaled_before_callbacks_and_clipping_see_them(images, make_classifier, accumulate):
    """Else an L1 penalty would be 65,536 times too small, and a bound on the norm always felt."""
    norms = {}

    class Spy(Callback):
        def on_gradients(self, trainer):
            gradients = [p.grad.flatten() for p in trainer.module.parameters()]
            norms.setdefault(trainer.execution.precision, torch.cat(gradients).norm().item())

    def fit(precision, **options):
        module = make_classifier()
        Trainer(
            1,
            optimizer=lambda m: torch.optim.SGD(m.parameters(), lr=0.05),
            execution=Execution(CPU, precision=precision),
            accumulate=accumulate,
            **options,
        ).fit(module, images())
        return torch.cat([p.detach().flatten() for p in module.parameters()])

    for options in (
        {"callbacks": [Spy(), L1Penalty(0.5)]},
        {"clip_norm": 0.1},
        {"callbacks": [Spy(), ClipValue(0.01)]},
    ):
        single, half = fit("fp32", **options), fit("fp16", **options)
        moved = (single - fit("fp32")).norm()
        assert (half - single).norm() < 0.05 * moved
    assert norms["fp16"] == pytest.approx(norms["fp32"], rel=0.01)


def test_an_overflowing_step_is_skipped_and_the_scale_falls(images, make_classifier):
    class Overflow(Callback):
        def on_step_start(self, trainer):
            self.before = trainer.module.net[0].weight.detach().clone()
            self.scale = trainer.scaler.get_scale()
            if trainer.step == 1:
                trainer.scaler._scale.fill_(1e38)

        def on_step_end(self, trainer):
            moved = not torch.equal(self.before, trainer.module.net[0].weight)
            assert moved == (trainer.step != 2)
            if trainer.step == 2:
                assert trainer.scaler.get_scale() == pytest.approx(5e37, rel=1e-3)
                trainer.scaler._scale.fill_(1024.0)

    trainer = Trainer(
        1,
        optimizer=lambda m: torch.optim.SGD(m.parameters(), lr=0.05),
        execution=Execution(CPU, precision="fp16"),
        callbacks=[Overflow()],
    )
    trainer.fit(make_classifier(), images())
    assert trainer.step == 4


def test_fp16_with_parameters_that_get_no_gradient(lines):
    module = Regressor(nn.Linear(3, 1))
    module.unused = nn.Linear(2, 2)
    module.frozen = nn.Linear(2, 2).requires_grad_(False)
    trainer = Trainer(
        3,
        optimizer=lambda m: torch.optim.SGD(m.parameters(), lr=0.01),
        execution=Execution(CPU, precision="fp16"),
        clip_norm=1.0,
        callbacks=[ClipValue(1.0)],
        accumulate=2,
    )
    records = trainer.fit(module, lines())
    assert records[-1]["train_loss"] < records[0]["train_loss"]


def test_channels_last_changes_the_layout_not_the_result(images, make_classifier):
    def fit(channels_last):
        module = make_classifier(batch_norm=True)
        execution = Execution(CPU, channels_last=channels_last)
        Trainer(2, optimizer=lambda m: make_optimizer("sgd", m, 0.05), execution=execution).fit(module, images())
        return module

    plain, turned = fit(False), fit(True)
    assert turned.preprocess.memory_format == torch.channels_last
    for name, value in plain.state_dict().items():
        torch.testing.assert_close(turned.state_dict()[name], value, rtol=1e-3, atol=1e-4)


class TestPrepare:
    def test_four_dimensional_weights_alone_are_turned_and_turned_back(self):
        net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv3d(2, 2, 3), nn.Conv1d(2, 2, 3), nn.Linear(2, 2))
        module = Classifier(net)
        pointers = {name: p.data_ptr() for name, p in module.named_parameters() if p.ndim != 4}
        Execution(CPU, channels_last=True).prepare(module)
        assert net[0].weight.is_contiguous(memory_format=torch.channels_last)
        assert not net[0].weight.is_contiguous()
        assert net[1].weight.is_contiguous()
        Execution(CPU).prepare(module)
        assert net[0].weight.is_contiguous()
        assert module.preprocess.memory_format == torch.contiguous_format
        assert pointers == {name: p.data_ptr() for name, p in module.named_parameters() if p.ndim != 4}

    @pytest.mark.parametrize("dimensions", [1, 3])
    def test_networks_of_other_dimensions_train_with_the_choices_of_the_machine(self, dimensions):
        kind = {1: nn.Conv1d, 3: nn.Conv3d}[dimensions]
        module = Classifier(nn.Sequential(kind(2, 3, 2), nn.Flatten(), nn.LazyLinear(2)))

        class Data:
            def train_dataloader(self):
                return [(torch.randn(4, 2, *[3] * dimensions), torch.tensor([0, 1, 0, 1]))]

            def val_dataloader(self):
                return None

        trainer = Trainer(2)
        assert len(trainer.fit(module, Data())) == 2
        assert not trainer.execution.channels_last

    def test_a_description_for_the_log(self):
        execution = Execution(CPU, precision="bf16", channels_last=True, reasons={"precision": "it pays"})
        described = execution.describe()
        assert described["precision"] == "bf16 (it pays)"
        assert described["memory format"] == "channels-last"
        assert described["device"] == "cpu"
        execution.synchronize()


def test_unknown_names_get_a_suggestion(make_classifier):
    with pytest.raises(UsageError, match="unknown precision 'bf61'; did you mean 'bf16'"):
        choose_execution(make_classifier(), None, precision="bf61")
    with pytest.raises(UsageError, match="unknown compile mode 'foward'; did you mean 'forward'"):
        choose_execution(make_classifier(), None, compile="foward")
    with pytest.raises(UsageError, match="unknown device 'cuta'; did you mean 'cuda'"):
        find_device("cuta")
    assert find_device("cpu") == CPU
    if torch.accelerator.current_accelerator(check_available=True) is None:
        assert find_device() == CPU
        with pytest.raises(UsageError, match="device 'cuda' is not available on this machine"):
            find_device("cuda")


def test_choosing_leaves_no_trace_in_the_module_or_the_generators(make_classifier):
    module = make_classifier(dropout=0.5, batch_norm=True).train()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    generator = torch.get_rng_state()
    execution = choose_execution(module, torch.zeros(1, 1, 8, 8, dtype=torch.uint8))
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())
    assert torch.equal(torch.get_rng_state(), generator)
    assert module.training
    assert not any(m._forward_hooks for m in module.modules())
    assert execution.channels_last
    fixed = choose_execution(module, None, precision="bf16", channels_last=False, compile="off", allocator=False)
    assert (fixed.precision, fixed.channels_last, fixed.compile) == ("bf16", False, "off")


WIDE = nn.Sequential(nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10))
SMALL = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
THIN = nn.Sequential(nn.Conv2d(1, 8, 5, padding=2), nn.Conv2d(8, 8, 5, padding=2))


@pytest.mark.parametrize(("net", "chosen"), [(WIDE, "bf16"), (SMALL, "fp32"), (THIN, "fp32")])
def test_bfloat16_is_chosen_for_wide_layers_with_enough_arithmetic(net, chosen, monkeypatch):
    monkeypatch.setattr("fathom.training.device.cpu_computes_bf16", lambda: True)
    example = torch.zeros(1, 1, 28, 28)
    assert choose_execution(Classifier(net), example, device="cpu").precision == chosen
    monkeypatch.setattr("fathom.training.device.cpu_computes_bf16", lambda: False)
    assert choose_execution(Classifier(net), example, device="cpu").precision == "fp32"


def test_compiling_is_left_to_the_user():
    assert choose_execution(Classifier(WIDE), torch.zeros(1, 1, 28, 28), device="cpu").compile == "off"
    with pytest.raises(UsageError, match="unknown compile mode 'auto'"):
        choose_execution(Classifier(WIDE), None, compile="auto")
