"""Runs programs one after the other, each in a fork of one process that holds PyTorch.

``python program_runner.py FILE …`` prints a line of JSON for each: exit code, processor seconds, output, and the
values on which backward() was called.
"""

import contextlib
import io
import json
import os
import runpy
import sys
import traceback
import warnings


def record(path: str) -> dict:
    """Run a program in this process; return its exit code, its output and the losses it sent back."""
    import torch

    losses: list[float] = []
    backward = torch.Tensor.backward

    def recording(self, *args, **kwargs):
        losses.append(float(self.detach()) if self.numel() == 1 else float("nan"))
        return backward(self, *args, **kwargs)

    output, code = io.StringIO(), 0
    torch.Tensor.backward = recording
    try:
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
            try:
                runpy.run_path(path, run_name="__main__")
            except SystemExit as stop:
                code = stop.code or 0
            except Exception:
                traceback.print_exc()
                code = 1
    finally:
        torch.Tensor.backward = backward
    return {"exit": code, "losses": losses, "output": output.getvalue()}


def _fork(path: str) -> dict:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        sys.argv = [path]
        with os.fdopen(writing, "w") as pipe:
            json.dump(record(path), pipe)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        content = pipe.read()
    _, status, usage = os.wait4(child, 0)
    found = json.loads(content) if content else {"exit": os.waitstatus_to_exitcode(status), "losses": [], "output": ""}
    return found | {"cpu_s": round(usage.ru_utime + usage.ru_stime, 2)}


def main(paths: list[str]) -> None:
    """Load what all need once, then run them."""
    import sklearn.datasets
    import sklearn.model_selection  # noqa: F401
    import torch

    torch.set_num_threads(1)
    parameter = torch.nn.Parameter(torch.zeros(1))
    parameter.sum().backward()
    torch.optim.Adam([parameter]).step()  # the first optimiser imports a second's worth of modules
    warnings.simplefilter("default")
    for path in paths:
        print(json.dumps({"path": path} | _fork(path)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
