"""``fathom doctor --data … MODEL``: what is wrong before anything is trained, from the data and one batch.

A copy of the network learns one small batch by heart under the observer that watches scripts; the network itself, its
data and the random state stay as they are. ``--doctor full`` does the same at the beginning of a run.
"""

from __future__ import annotations

import copy
import dataclasses
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import msgspec
import torch
from torch import Tensor, nn

from fathom.build.assemble import build_trainer
from fathom.build.configure import configure
from fathom.build.failures import readable_failures
from fathom.build.kinds.base import OnRead
from fathom.build.kinds.detection import kind_of
from fathom.build.plan import draft
from fathom.doctor import thresholds
from fathom.doctor.catalog import found
from fathom.doctor.check import check
from fathom.doctor.checks.run import check_record
from fathom.doctor.observer.networks.probes import mixes_samples, varies_in_evaluation
from fathom.doctor.observer.observer import Observer
from fathom.doctor.observer.record import Record
from fathom.doctor.remedies import advise
from fathom.doctor.training.opening import COURSE, ONE_BATCH, is_structural, placed
from fathom.errors import FathomError
from fathom.findings import Finding, Findings, NotChecked
from fathom.module import Module
from fathom.phrases import counted, significant
from fathom.settings.config import Config, replace_in, resolved
from fathom.settings.settings import Settings
from fathom.training.callbacks import Callback
from fathom.training.divergence import Diverged
from fathom.training.feed import Feed
from fathom.training.random_state import kept_random_state

if TYPE_CHECKING:
    from fathom.build.plan import Plan
    from fathom.training.trainer import Trainer

SAMPLES = 16  # learned by heart, as the catalogue has it; of a text a whole batch, whose order means something
STEPS, LEAST_STEPS, TIME_S = 300, 50, 6.0  # an end to it; one of the two, but not before so many steps
MOST_PARAMETERS = 100_000_000  # of a network that is copied
_BY_HEART = ("model.samples_mixed", "model.wrong_mode", "fit.underfitting", "init.scale", "model.layer_unused")


def examine_before(
    settings: Config | Settings | Mapping[str, Any], *, contents: Any = None, on_read: OnRead | None = None
) -> tuple[Plan, Findings]:
    """Check the data that settings name, and one batch of them in the network; nothing is written, nothing trained.

    Raises:  UsageError, FathomError if the settings are impossible or the data cannot be read
    """
    config = configure(settings)
    config = msgspec.structs.replace(config, data=kind_of(config).pin(config.data))
    data = check(config, on_read=on_read)
    with readable_failures():
        plan = draft(config, contents, on_read=on_read).ready()
        try:
            network = examine_plan(plan)
        finally:
            plan.data.close()
    known = {finding.code for finding in data.findings}
    findings = [*data.findings, *(finding for finding in network.findings if finding.code not in known)]
    codes = {finding.code for finding in findings}
    skipped = {check.code: check for check in (*network.not_checked, *data.not_checked) if check.code not in codes}
    return plan, Findings.gravest_first([advise(finding, plan.config) for finding in findings], skipped.values())


def examine_plan(plan: Plan) -> Findings:
    """Return what one batch shows of a planned run: structure, loss, initial weights, scale, whether it can be learned.

    Raises:  Interrupted after a signal
    """
    if sum(p.numel() for p in plan.module.parameters()) > MOST_PARAMETERS:
        return _not_checked("the network is too large to be copied for it")
    with kept_random_state(plan.execution.device):
        batch = _first_batch(plan)
        if batch is None:
            return _not_checked("the training batches cannot be read twice")
        try:
            module = copy.deepcopy(plan.module)
        except Exception as error:  # a network of a user's own may hold what cannot be copied
            return _not_checked(f"the network cannot be copied ({type(error).__name__})")
        module.to(plan.execution.device)
        record = Record()
        probe = _independence(module, batch)
        record, by_heart = _learn(plan, module, batch)
        for root in record.roots[:1]:
            root.probe = probe
        result = check_record(record)
    kept = [placed(finding) for finding in result.findings if is_structural(finding)] + by_heart
    codes = {finding.code for finding in kept}
    skipped = [c for c in result.not_checked if c.code not in COURSE and c.code not in codes]
    return Findings.gravest_first(kept, [c for c in skipped if not c.code.startswith(("data.", "run."))])


def _not_checked(reason: str) -> Findings:
    return Findings((), tuple(NotChecked(code, reason) for code in _BY_HEART))


def _first_batch(plan: Plan) -> Any:
    """Return some samples of the first training batch, on the device; None where reading would use the batches up."""
    loader = plan.data.train_dataloader()
    if iter(loader) is loader:  # an iterator
        return None
    feed = Feed(loader)
    feed.to(plan.execution.device)
    first = next(feed.batches(), None)
    if first is None:
        raise FathomError("the training loader gave no batch")
    batch = first[0]
    if plan.data.task == "language" or not (isinstance(batch, (tuple, list)) and len(batch) == 2):
        return batch
    return tuple(part[:SAMPLES] for part in batch)


def _independence(module: Module, batch: Any) -> dict[str, Any]:
    """Return whether a sample's output depends on the others of its batch, and whether two passes differ."""
    x = batch[0] if isinstance(batch, (tuple, list)) else None
    if not isinstance(x, Tensor) or len(batch) != 2:
        return {"reason": "a batch is not (inputs, targets): the steps of a text follow one another"}
    try:
        found_ = foreign_gradient(copy.deepcopy(module), x)
        if found_ is None:
            found_ = mixes_samples(copy.deepcopy(module), x, is_batch_first=True)
        return found_ | varies_in_evaluation(copy.deepcopy(module), x)
    except Exception as error:
        return {"reason": f"a copy of the network could not be run ({type(error).__name__})"}


def foreign_gradient(module: Module, x: Tensor) -> dict[str, Any] | None:
    """Return the gradient of one sample's output by the inputs of the others, which is 0 where samples are independent.

    Args:
        module: a copy in which the gradient is computed; None is returned where inputs are no numbers to derive by.
    Shape:   x (N, …)
    """
    net = module._modules.get("net")
    if net is None or type(module).forward is not Module.forward or len(x) < 2:
        return None
    module.eval()
    with torch.no_grad():
        z = module.preprocess(x).detach()  # (N, …)
    if not z.is_floating_point():
        return None
    z.requires_grad_(True)
    y = net(z)  # (N, …)
    if not isinstance(y, Tensor) or y.dim() == 0 or len(y) != len(x) or not y.requires_grad:
        return None
    place = len(x) // 2  # any but the first and the last, which a shifted view may leave alone
    (gradient,) = torch.autograd.grad(y[place].float().sum(), z, allow_unused=True)  # (N, …)
    if gradient is None:
        return None
    sizes = gradient.detach().abs().flatten(1).amax(1)  # (N,)
    own, others = float(sizes[place]), float(torch.cat([sizes[:place], sizes[place + 1 :]]).max())
    return {"mixed": others > 0, "other": others, "own": own}


class _ByHeart(Callback):
    """Ends the fit when the batch is learned, or the time is up; keeps every loss."""

    def __init__(self) -> None:
        self.losses: list[float] = []
        self._began = time.monotonic()

    def on_epoch_end(self, trainer: Trainer, record: dict[str, Any]) -> None:
        """Look at the loss: an epoch is one step."""
        self.losses.append(float(record["train_loss"]))
        is_late = len(self.losses) >= LEAST_STEPS and time.monotonic() - self._began > TIME_S
        if self.losses[-1] < thresholds.BY_HEART * self.losses[0] or is_late:
            trainer.should_stop = "learned by heart"


def _learn(plan: Plan, module: nn.Module, batch: Any) -> tuple[Record, list[Finding]]:
    """Let the copy learn the batch by heart, observed; return what was seen and what it means."""
    config = replace_in(
        plan.config,
        training={"epochs": STEPS, "schedule": "constant", "warmup": 0.0, "accumulate": 1, "monitor": None},
    )
    execution = dataclasses.replace(plan.execution, compile="off")
    heart = _ByHeart()
    observer = Observer()
    observer.start()
    failure: Diverged | None = None
    try:
        observer.modules.follow(module)
        trainer = build_trainer(config, execution, [heart])
        for root in observer.record.roots:
            root.probe = {"reason": "it is tested by itself"}
        trainer.fit(module, [batch])  # type: ignore[arg-type]
    except Diverged as error:
        failure = error
    finally:
        record = observer.stop()
    return record, list(_judge(heart.losses, failure, plan.config))


def _judge(losses: list[float], failure: Diverged | None, config: Config) -> Iterator[Finding]:
    if failure is not None:
        yield failure.finding
        return
    if len(losses) < LEAST_STEPS and not losses[-1] < thresholds.BY_HEART * losses[0]:
        return
    first, last, lowest = losses[0], losses[-1], min(losses)
    if first <= 0 or lowest < thresholds.HARDLY_LEARNED * first:
        return
    rate = resolved(config.training.lr)
    yield found(
        "fit.underfitting",
        f"One batch cannot be learned by heart: in {counted(len(losses), 'step')} at a learning rate of "
        f"{significant(rate)} the loss went from {significant(first)} to {significant(last)}",
        {"steps": len(losses), "first": first, "last": last, "lowest": lowest, "lr": rate},
        place=ONE_BATCH,
        severity="warning",
        cause="a network that cannot learn a few samples will not learn many: the rate, the initial weights, or the "
        "network itself keep it from learning",
        remedy="look at the other findings; then try --lr ten times as large, and ten times as small",
    )
