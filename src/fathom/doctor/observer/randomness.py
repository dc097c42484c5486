"""Random generators: which were drawn from before anything seeded them, and which were seeded by the clock."""

from __future__ import annotations

import linecache
import random
import re
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from fathom.doctor.observer.part import Part
from fathom.doctor.observer.places import is_users, shorten, user_frame, user_place

# What gives another number in each run, where it stands on the line that seeds.
_ANEW = re.compile(r"\b(time|time_ns|perf_counter|now|urandom|getpid|uuid[14]|secrets|SystemRandom)\b")
_A_DAY_S = 86_400.0
# What draws from the global generators. Libraries do so too, some when they are imported: only the user's lines count.
_BY_PYTHON = ("random", "randint", "randrange", "uniform", "gauss", "choice", "choices", "sample", "shuffle")
_BY_NUMPY = ("rand", "randn", "randint", "random", "uniform", "normal", "choice", "shuffle", "permutation")
_DRAWS = {"Python": (random, _BY_PYTHON), "NumPy": (np.random, _BY_NUMPY)}


class Randomness(Part):
    """Follows the seeding of the generators of PyTorch, NumPy and Python; it draws from none."""

    def install(self) -> list[Any]:
        self._at_start = torch.get_rng_state()
        self._seeded: set[str] = set()
        wrap = self.observer.patches.wrap
        for name, (owner, functions) in _DRAWS.items():
            for function in functions:
                wrap(owner, function, self._drawing(name))
        wrap(torch, "manual_seed", self._around("PyTorch"))
        wrap(np.random, "seed", self._around("NumPy"))
        wrap(random, "seed", self._around("Python"))
        wrap(np.random, "default_rng", self._generator_made)
        wrap(torch.utils.data, "random_split", self._split)
        return []

    def _around(self, name: str) -> Callable[..., Any]:
        def seeded(original: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            if not self.observer.is_paused:
                with self.observer.own_work("seed"):
                    self._note_seed(name, next(iter((*args, *kwargs.values())), None))
            return original(*args, **kwargs)

        return seeded

    def _drawing(self, name: str) -> Callable[..., Any]:
        def drawn(original: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            # two frames up: behind this and its replacement
            if name not in self._seeded and name not in self.record.unseeded and not self.observer.is_paused:
                frame = sys._getframe(2)
                if is_users(frame.f_code.co_filename):
                    self.record.unseeded[name] = f"{shorten(frame.f_code.co_filename)}:{frame.f_lineno}"
            return original(*args, **kwargs)

        return drawn

    def _note_seed(self, name: str, seed: Any) -> None:
        place = user_place()
        if not place:  # a library seeds and puts back what was there
            return
        if name == "PyTorch" and name not in self._seeded and self._was_drawn():
            self.record.unseeded[name] = f"before {place}"
        self._seeded.add(name)
        if seed is None or _comes_from_the_clock(seed):
            self.record.seeded_anew.setdefault(name, place)

    def _generator_made(self, original: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if not self.observer.is_paused and next(iter((*args, *kwargs.values())), None) is None:
            with self.observer.own_work("generator"):
                caller = sys._getframe(2)  # behind this and its replacement; a library's own generator is its business
                if caller is user_frame():
                    self.record.seeded_anew.setdefault("np.random.default_rng()", user_place())
        return original(*args, **kwargs)

    def _split(self, original: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        has_generator = len(args) > 2 or kwargs.get("generator") is not None
        if not self.observer.is_paused and not has_generator and "PyTorch" not in self._seeded:
            with self.observer.own_work("random_split"):
                self.record.unseeded_split = self.record.unseeded_split or user_place()
        return original(*args, **kwargs)

    def _was_drawn(self) -> bool:
        return not torch.equal(self._at_start, torch.get_rng_state())

    def finish(self) -> None:
        """Note whether PyTorch's generator was drawn from and never seeded."""
        if "PyTorch" not in self._seeded and self._was_drawn():
            self.record.unseeded["PyTorch"] = ""


def _comes_from_the_clock(seed: Any) -> bool:
    """Whether a seed is the time in some unit, or is computed on its line from what differs in each run."""
    try:
        value = float(seed)
    except (TypeError, ValueError):
        return False
    now = time.time()
    if any(abs(value / unit - now) < _A_DAY_S for unit in (1.0, 1e3, 1e6, 1e9)):
        return True
    frame = user_frame()
    if frame is not None:
        linecache.checkcache(frame.f_code.co_filename)  # a cell or a file that was run before, changed since
    line = linecache.getline(frame.f_code.co_filename, frame.f_lineno) if frame is not None else ""
    return bool(_ANEW.search(line.partition("#")[0].partition("seed")[2]))
