"""One contender in a process of its own: ``python -m bench.worker SPECIFICATION``, started by the harness."""

from __future__ import annotations

import importlib
import json
import os
import sys

from bench.gate import Gate
from bench.problems import Problem


def main() -> None:
    """Set up the contender that the specification names and let it train, a round at a time."""
    specification = json.loads(sys.argv[1])
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints goes to the log, not between the replies
    fields = specification["problem"]
    problem = Problem(**fields | {"input_shape": tuple(fields["input_shape"])})
    gate = Gate(sys.stdin.buffer, replies, specification["num_epochs"], problem.epochs_per_round)
    importlib.import_module(specification["module"]).run(problem, gate, **specification["options"])
    gate.close()
    os._exit(0)  # compilers and loaders leave helpers behind that would be waited for


if __name__ == "__main__":
    main()
