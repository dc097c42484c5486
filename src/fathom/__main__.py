"""``python -m fathom``."""

import sys

from fathom.cli.main import main

sys.exit(main())
