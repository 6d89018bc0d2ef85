"""An unprivileged account for a stack to run as."""

import sys

NOBODY = 65534
# Another uid that can still read this interpreter and this tree, in any folder.
AS_NOBODY = (
    "setpriv",
    f"--reuid={NOBODY}",
    f"--regid={NOBODY}",
    "--clear-groups",
    "--inh-caps=+dac_read_search",
    "--ambient-caps=+dac_read_search",
    sys.executable,
    "-m",
    "vestnik",
    "up",
)
