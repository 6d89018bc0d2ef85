import sys

from vestnik.sandbox.command import main

sys.exit(main())
