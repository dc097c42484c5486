"""Measuring a training from its first steps: the ordinary loop, in which epochs end when the time for them is up."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fathom.training.callbacks import Callback
from fathom.training.distributed.division import Counted
from fathom.training.feed import Feed

if TYPE_CHECKING:
    from fathom.training.device import Execution
    from fathom.training.trainer import Trainer

_WARM_UP = 3  # steps: memory is allocated, kernels are chosen, caches fill
_FEWEST = 8  # steps, however long they take: fewer say nothing of their spread
_BLOCKS = 8  # of consecutive steps, whose means are compared: neighbours share what disturbs them


@dataclass
class Timing:
    """What a probe measured, in seconds.

    Attributes:
        first_s: the first step, warm-up or compilation included.
        steps_s: of each later step, with what the loop does between two steps.
        epoch_s: around the steps of an epoch, without validation: shuffling, records, checkpoints.
        validation_s: of each batch of validation.
        num_batches: of one whole validation.
        steps_per_epoch: as the run will have them.
    """

    first_s: float = 0.0
    steps_s: list[float] = field(default_factory=list)
    epoch_s: list[float] = field(default_factory=list)
    validation_s: list[float] = field(default_factory=list)
    num_batches: int = 0
    steps_per_epoch: int = 0

    @property
    def step_s(self) -> float:
        """Mean time of a step; the mean, since rare long ones belong to the run too."""
        steady = self.steps_s[_WARM_UP:] or self.steps_s or [self.first_s]
        return statistics.fmean(steady)

    @property
    def step_error(self) -> float:
        """Standard error of that mean, as a share of it, by blocks of consecutive steps; 0 where all were taken."""
        steady = self.steps_s[_WARM_UP:]
        if len(steady) < 2:
            return 0.0
        blocks = min(_BLOCKS, len(steady))
        size = len(steady) // blocks
        means = [statistics.fmean(steady[i * size : (i + 1) * size]) for i in range(blocks)]
        return statistics.stdev(means) / math.sqrt(blocks) / self.step_s

    @property
    def one_validation_s(self) -> float:
        """Time of a whole validation."""
        return statistics.fmean(self.validation_s) * self.num_batches if self.validation_s else 0.0


class Probe(Callback):
    """Train for ``seconds``, then ask the trainer to stop; give validation half as long. Put it last.

    What is measured is the ordinary loop: same batches, same callbacks, same records.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.timing = Timing()
        self._until = self._last = 0.0
        self._validated = 0.0  # seconds of it in this epoch

    def on_fit_start(self, trainer: Trainer) -> None:
        """Put feeds in place that end early."""
        self._until = time.perf_counter() + self.seconds
        self.timing.steps_per_epoch = trainer.steps_per_epoch or 0
        trainer.feed = _BriefFeed(trainer.feed, self, trainer.execution)
        if trainer.val_feed is not None:
            self.timing.num_batches = trainer.val_feed.num_batches or 0
            trainer.val_feed = _TimedFeed(trainer.val_feed, self)

    def on_epoch_start(self, trainer: Trainer) -> None:
        """Begin to time the epoch."""
        self._last = time.perf_counter()

    def on_step_end(self, trainer: Trainer) -> None:
        """Note how long the step took."""
        now = time.perf_counter()
        if trainer.step == 1:
            self.timing.first_s = now - self._last
        else:
            self.timing.steps_s.append(now - self._last)
        self._last, self._validated = now, 0.0

    def on_epoch_end(self, trainer: Trainer, record: dict[str, Any]) -> None:
        """Note what the end of an epoch took besides validation."""
        self.timing.epoch_s.append(time.perf_counter() - self._last - self._validated)
        if self.is_over:
            trainer.should_stop = "measured"

    @property
    def is_over(self) -> bool:
        """Whether enough was measured."""
        return time.perf_counter() > self._until and len(self.timing.steps_s) >= _FEWEST

    def note_queue(self, execution: Execution) -> None:
        """Wait for the steps that an accelerator still has in its queue, and count the time to them."""
        if execution.device.type != "cpu" and self.timing.steps_s:
            execution.synchronize()
            now = time.perf_counter()
            self.timing.steps_s[-1] += now - self._last
            self._last = now

    def note_validation(self, seconds: float, batches: int) -> None:
        """Count a validation, of which ``batches`` batches took ``seconds``."""
        self.timing.validation_s += [seconds / batches] * batches
        self._validated += seconds


class _BriefFeed(Feed):
    """Batches of another feed until the probe has seen enough."""

    def __init__(self, feed: Feed, probe: Probe, execution: Execution) -> None:
        # the same loader and place in it, not a second pass
        self.__dict__.update(feed.__dict__)
        self._probe, self._execution = probe, execution

    def batches(self, epoch: int = 0, first: int = 0) -> Iterator[Counted]:
        for batch in super().batches(epoch, first):
            yield batch
            if self._probe.is_over:
                break
        self._probe.note_queue(self._execution)


class _TimedFeed(Feed):
    """Batches of validation, for half of the probe's time at most."""

    def __init__(self, feed: Feed, probe: Probe) -> None:
        self.__dict__.update(feed.__dict__)
        self._probe = probe

    def batches(self, epoch: int = 0, first: int = 0) -> Iterator[Counted]:
        began, count = time.perf_counter(), 0
        for batch in super().batches(epoch, first):
            yield batch
            count += 1
            if time.perf_counter() - began > self._probe.seconds / 2:
                break
        if count:
            self._probe.note_validation(time.perf_counter() - began, count)
