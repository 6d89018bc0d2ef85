"""`python -m vestnik` is `vestnik`."""

import sys

from vestnik.cli import main

sys.exit(main())
