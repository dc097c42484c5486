"""What runs in the computing process: reads requests, answers each with a line."""

from __future__ import annotations

import json
import os
import sys

from fathom.board.work.tasks import TASKS
from fathom.build.failures import explain
from fathom.errors import FathomError
from fathom.runs.folder.records import to_plain


def main() -> None:
    """Answer until the standard input closes."""
    answers = os.fdopen(os.dup(1), "w")  # our own copy: what a library prints must not get between the answers
    os.dup2(2, 1)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = TASKS[request.pop("task")](**request)
        except FathomError as error:
            answer = {"error": str(error)}
        except Exception as error:
            known = explain(error)  # out of memory, say
            answer = {"error": str(known or f"unexpected {type(error).__name__}: {error}")}
        answers.write(json.dumps(to_plain(answer), allow_nan=False) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
