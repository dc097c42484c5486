"""The end of a process that trained with others: nothing of the connections is left when the interpreter goes."""

import json
import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

SCRIPT = """
import atexit, json, os, sys
from pathlib import Path

def note():  # registered before the world is joined, so called after it has been left
    stats = [(folder / "stat").read_text() for folder in Path("/proc/self/task").glob("*")]
    threads = [(stat[stat.index("(") + 1 : stat.rindex(")")], stat[stat.rindex(")") + 2]) for stat in stats]
    Path(f"left-{os.environ['RANK']}").write_text(json.dumps([each for each in threads if "gloo" in each[0]]))

atexit.register(note)

import torch
from torch import nn
from fathom import Classifier
from fathom.data.loaders.memory import MemoryLoader
from fathom.training.device import choose_execution
from fathom.training.trainer import Trainer

module = Classifier(nn.Linear(1, 2), lr=0.1)
execution = choose_execution(module, torch.ones(4, 1), device="cpu", devices=2, strategy=sys.argv[1])
trainer = Trainer(max_epochs=1, execution=execution, progress=False)
trainer.fit(module, MemoryLoader(torch.ones(8, 1), torch.tensor([0, 1] * 4), 4))
assert execution.world.size == 2
"""


def train(folder, strategy):
    (folder / "train.py").write_text(SCRIPT)
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [sys.executable, *launcher, "train.py", strategy],
        cwd=folder,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return [(folder / f"left-{rank}").read_text() for rank in (0, 1)]


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="reads threads as Linux lists them")
@pytest.mark.parametrize(("strategy", "left"), [("ddp", 0), ("fsdp", 3)])
def test_no_thread_of_a_connection_is_at_work_at_the_end(tmp_path, strategy, left):
    """One that is would call into an interpreter that is being taken down, and abort the process now and then.

    DistributedDataParallel leaves none at all; with DTensor its caches keep them, asleep.
    """
    for found in train(tmp_path, strategy):
        threads = json.loads(found)
        assert len(threads) <= left
        assert all(state == "S" for name, state in threads if name.startswith("pt_gloo"))
