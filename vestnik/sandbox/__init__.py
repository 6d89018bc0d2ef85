"""A test gateway for HTTP and SMPP, which fails on request and records the messages it accepts.

`vestnik sandbox` runs it for users without a contract. The tests run the same gateway and check its
ledger, the list of accepted messages (decision 0074).
"""

from vestnik.sandbox.command import main

__all__ = ["main"]
