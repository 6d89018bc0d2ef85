"""A gateway to try things with: it speaks HTTP and SMPP, misbehaves on command, and remembers.

`vestnik sandbox` runs it for users without a contract, and the tests run the same piece: its own
list of what it took is the judge of what was sent.
"""

from vestnik.sandbox.command import main

__all__ = ["main"]
