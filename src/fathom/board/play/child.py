"""What runs in the playground's process: commands in, frames out, a line of JSON each."""

from __future__ import annotations

import json
import os
import queue
import sys
import threading

from fathom.board.play.session import Command, Session
from fathom.runs.folder.records import to_plain


def main() -> None:
    """Play until the standard input closes."""
    answers = os.fdopen(os.dup(1), "w")  # our own copy: what a library prints must not get between the frames
    os.dup2(2, 1)
    commands: queue.Queue[Command] = queue.Queue()

    def listen() -> None:
        for line in sys.stdin:
            commands.put(json.loads(line))
        commands.put({"do": "end"})

    def tell(frame: dict[str, object]) -> None:
        try:
            answers.write(json.dumps(to_plain(frame), allow_nan=False) + "\n")
            answers.flush()
        except OSError:  # nobody looks any more
            commands.put({"do": "end"})

    threading.Thread(target=listen, daemon=True).start()
    Session(commands, tell).run()


if __name__ == "__main__":
    main()
