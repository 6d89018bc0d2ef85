"""`python -m vestnik` runs the command `vestnik`."""

import sys

from vestnik.cli import script

sys.exit(script())
