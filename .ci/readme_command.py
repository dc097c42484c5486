"""Print the n-th command of the README's quick start, so that what is tested is what is written."""

import re
import sys
from pathlib import Path

text = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
commands = re.findall(r"<!-- command:(\d) -->\s*```sh\n(.+?)\n```", text, flags=re.DOTALL)
print(dict(commands)[sys.argv[1]])
