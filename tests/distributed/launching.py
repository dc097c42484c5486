"""Runs cases in 1, 2 and 4 processes from one start: importing torch is what takes long, so processes are forked.

``python tests/distributed/launching.py OUT SIZES FILE CASE…`` writes ``OUT/SIZE/RANK.json``: what each case returned.
"""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
import traceback
from pathlib import Path

HERE = Path(__file__).resolve().parent


def run_cases(out: Path, file: str, names: list[str], sizes=(1, 2, 4)) -> dict[str, dict[int, list]]:
    """Return by case and number of processes what each process gave."""
    command = [sys.executable, str(HERE / "launching.py"), str(out), ",".join(map(str, sizes)), file, *names]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, env=_environment())
    assert done.returncode == 0, done.stderr[-4000:]
    found = {
        size: [json.loads((out / str(size) / f"{rank}.json").read_text()) for rank in range(size)] for size in sizes
    }
    return {name: {size: [given[name] for given in found[size]] for size in sizes} for name in names}


def _environment() -> dict[str, str]:
    names = ("WORLD_SIZE", "RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
    return {name: value for name, value in os.environ.items() if name not in names} | {"OMP_NUM_THREADS": "1"}


def _work(rank: int, size: int, out: Path, file: str, names: list[str]) -> None:
    import torch
    import torch.distributed as dist

    torch.set_num_threads(1)
    if size > 1:
        dist.init_process_group("gloo", init_method=f"file://{out}/store-{size}", rank=rank, world_size=size)
    cases = runpy.run_path(str(HERE / file))
    folder = out / str(size)
    folder.mkdir(exist_ok=True)
    found = {}
    for name in names:
        place = folder / name
        found[name] = cases[name](place)
    (folder / f"{rank}.json").write_text(json.dumps(found))
    if size > 1:
        dist.destroy_process_group()


def _fork(size: int, out: Path, file: str, names: list[str]) -> None:
    children = {}
    for rank in range(size):
        pid = os.fork()
        if pid == 0:
            try:
                _work(rank, size, out, file, names)
                code = 0
            except BaseException:
                traceback.print_exc()
                code = 1
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
        children[pid] = rank
    while children:
        pid, status = os.wait()
        rank = children.pop(pid)
        if status:
            for other in children:
                os.kill(other, 9)
            sys.exit(f"process {rank} of {size} failed")


if __name__ == "__main__":
    # what all processes need is imported once
    import sklearn.metrics  # noqa: F401
    import torch._dynamo.aot_compile  # noqa: F401  DistributedDataParallel asks for it

    import fathom.training.trainer  # noqa: F401

    out, sizes, file, *names = sys.argv[1:]
    Path(out).mkdir(parents=True, exist_ok=True)
    for number in map(int, sizes.split(",")):
        _fork(number, Path(out), file, names)
