import sys

from vestnik.sandbox.main import main

sys.exit(main())
