"""`python -m vestnik` is `vestnik`."""

import sys

from vestnik.cli import script

sys.exit(script())
