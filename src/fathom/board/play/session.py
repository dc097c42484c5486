"""One training under control: run, pause, one step, a step back, the same start again.

The real ``Trainer`` runs its own loop; a callback stands in it at the end of every step and waits, goes on or leaves.
A step back is a resume: states are kept every few steps, and training goes on from the last one before, exact to the
bit, as far as the step that is wanted.
"""

from __future__ import annotations

import copy
import queue
import time
from collections.abc import Callable
from typing import Any

from fathom.board.play.comments import comment
from fathom.board.play.frames import Painter, describe_points
from fathom.board.play.parts import digest, make_all
from fathom.board.play.settings import PlaySettings, read_query
from fathom.errors import FathomError, UsageError
from fathom.training.callbacks import Callback
from fathom.training.trainer import Trainer

FRAME_S = 0.033  # thirty frames a second
KEEP_EVERY = 20  # steps between two states that are kept
_MOST_KEPT = 400
_COMMENT_S = 1.0

Command = dict[str, Any]
Tell = Callable[[dict[str, Any]], None]


class Leave(Exception):
    """The loop is left, to begin again elsewhere."""


class Session:
    """Trains as it is told to; commands come through a queue, frames go to ``tell``."""

    def __init__(self, commands: queue.Queue[Command], tell: Tell) -> None:
        self.commands, self.tell = commands, tell
        self.settings = PlaySettings()
        self.is_running, self.target = False, 0  # the step to go to before waiting
        self.per_frame = 0  # steps between two frames; 0 is as many as there is time for
        self._kept: dict[int, dict[str, Any]] = {}
        self._start: dict[str, Any] | None = None  # None: from the beginning
        self._is_begun = False

    def run(self) -> None:
        """Obey until told to end."""
        while True:
            try:
                self._train_and_wait()
            except Leave:
                continue
            except EndSession:
                return

    def _train_and_wait(self) -> None:
        try:
            self._train()
        except FathomError as error:  # diverged, or settings that exclude each other
            self.tell({"event": "failed", "message": str(error)})
        self.is_running = False
        while True:
            self.obey(self.commands.get(), None)

    def _train(self) -> None:
        control = Control(self)
        trainer, module, data = make_all(self.settings, [control])
        control.painter = Painter(self.settings, module, data)
        if not self._is_begun:
            self._kept, self._is_begun = {}, True
            about = describe_points(self.settings, data)
            self.tell({"event": "start", "query": self.settings.to_query(), **about})
        trainer.fit(module, data, state=self._start)
        control.draw(trainer, is_over=True)

    def obey(self, command: Command, trainer: Trainer | None) -> None:
        """Carry out a command; ``Leave`` where training has to begin elsewhere."""
        match command.get("do"):
            case "run":
                self.is_running = True
            case "pause":
                self.is_running = False
            case "speed":
                self.per_frame = int(command.get("steps", 0))
            case "step" if trainer is not None:
                self.is_running, self.target = False, trainer.step + 1
            case "back":
                self._go_back(max(0, int(command.get("from", 1)) - 1))
            case "reset":
                self._begin(self.settings)
            case "settings":
                self._begin(self._read(str(command.get("query", ""))))
            case "end":
                raise EndSession

    def _read(self, query: str) -> PlaySettings:
        try:
            return read_query(query)
        except UsageError as error:
            self.tell({"event": "failed", "message": str(error)})
            return self.settings

    def keep(self, trainer: Trainer) -> None:
        """Keep a state to come back to."""
        if trainer.step % KEEP_EVERY == 0 and trainer.step not in self._kept:
            self._kept[trainer.step] = copy.deepcopy(trainer.state_dict())  # its tensors are the living ones
            if len(self._kept) > _MOST_KEPT:  # every other one: a step back takes twice as long then
                for step in sorted(self._kept)[1::2]:
                    del self._kept[step]

    def _begin(self, settings: PlaySettings) -> None:
        self.settings, self._start, self.target, self.is_running = settings, None, 0, False
        self._is_begun = False
        raise Leave

    def _go_back(self, step: int) -> None:
        before = [kept for kept in self._kept if 0 < kept <= step]
        self._start = self._kept[max(before)] if before else None
        self.target, self.is_running = step, False
        raise Leave


class EndSession(Exception):
    """The session is over."""


class Control(Callback):
    """Stands in the trainer's loop."""

    painter: Painter

    def __init__(self, session: Session) -> None:
        self.session = session
        self._drawn_at, self._drawn_step, self._commented_at = 0.0, -1, 0.0

    def on_fit_start(self, trainer: Trainer) -> None:
        """Wait before the first step; a state to go on from is not restored yet, so then nothing is drawn."""
        if self.session._start is None and self.session.target == 0:
            self._stand(trainer)

    def on_gradients(self, trainer: Trainer) -> None:
        """Note how large they are; after the step they are cleared."""
        self.painter.note_gradients()

    def on_step_end(self, trainer: Trainer) -> None:
        """Draw, wait, go on or leave."""
        self.session.keep(trainer)
        if trainer.step < self.session.target:
            return  # on the way to where a step back leads
        self._stand(trainer)

    def _stand(self, trainer: Trainer) -> None:
        session = self.session
        while True:
            while not session.commands.empty():
                session.obey(session.commands.get(), trainer)
            if session.target > trainer.step:
                return
            if session.is_running:
                if self._is_due(trainer):
                    self.draw(trainer)
                return
            if self._drawn_step != trainer.step:
                self.draw(trainer)
            session.obey(session.commands.get(), trainer)

    def _is_due(self, trainer: Trainer) -> bool:
        now = time.perf_counter()
        steps = trainer.step - self._drawn_step
        if self.session.per_frame:
            if steps < self.session.per_frame:
                return False
            time.sleep(max(0.0, FRAME_S - (now - self._drawn_at)))  # not faster than one can see
            return True
        return now - self._drawn_at >= FRAME_S

    def draw(self, trainer: Trainer, *, is_over: bool = False) -> None:
        """Send a frame."""
        self._drawn_at, self._drawn_step = time.perf_counter(), trainer.step
        frame: dict[str, Any] = {
            "event": "frame", "step": trainer.step, "epoch": trainer.epoch, "lr": trainer.lr,
            "running": self.session.is_running and not is_over, "over": is_over, **self.painter.paint(),
        }  # fmt: skip
        if not frame["running"]:
            frame["digest"] = digest(trainer.module)
        if not frame["running"] or self._drawn_at - self._commented_at > _COMMENT_S:
            self._commented_at = self._drawn_at
            training = trainer.module.training
            trainer.module.eval()
            found = comment(self.session.settings, frame, self.painter.statistics())
            trainer.module.train(training)
            frame["comments"] = [finding.to_dict() for finding in found]
        self.session.tell(frame)
