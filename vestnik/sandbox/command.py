"""`vestnik sandbox`: the gateway as a command."""

import argparse
import asyncio
import contextlib
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import uvloop

from vestnik.sandbox.behaviour import Action, Behaviour
from vestnik.sandbox.gateway import Sandbox

EXAMPLE = """\
Point Vestnik at it:
  SMS_PROVIDER_SANDBOX_BACKEND=http_gateway SMS_PROVIDER_SANDBOX_URL={url}
Control it, for example:
  curl {url}/control
  curl {url}/control/behaviour -d '{{"delay": 2, "percent": {{"throttle": 10}}}}'
"""


def parser() -> argparse.ArgumentParser:
    """Return the parser of `vestnik sandbox`."""
    found = argparse.ArgumentParser(
        prog="vestnik sandbox", description="Run a test gateway for HTTP and SMPP."
    )
    found.add_argument("--host", default="127.0.0.1")
    found.add_argument("--http-port", type=int, default=8090, help="default 8090")
    found.add_argument("--smpp-port", type=int, default=2775, help="default 2775")
    found.add_argument("--token", default="", help="the bearer token to require")
    found.add_argument("--password", default="", help="the SMPP password to require")
    found.add_argument("--ledger", type=Path, help="a file to record accepted messages in")
    found.add_argument("--delay", type=float, default=0.0, help="seconds before each answer")
    found.add_argument("--deduplicate", action="store_true", help="accept each message id once")
    found.add_argument("--receipts", action="store_true", help="send delivery receipts")
    found.add_argument("--receipt-delay", type=float, default=1.0)
    found.add_argument(
        "--callback-url", default="", help="the address for receipts of HTTP messages"
    )
    found.add_argument("--seed", type=int, help="a seed that makes random actions repeatable")
    for act in Action:
        if act is not Action.ACCEPT:
            name = f"--{act.replace('_', '-')}"
            found.add_argument(name, type=float, default=0.0, metavar="PERCENT")
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until interrupted; return the exit status."""
    given = parser().parse_args(argv)
    sandbox = Sandbox(
        host=given.host,
        http_port=given.http_port,
        smpp_port=given.smpp_port,
        behaviour=behaviour_of(given),
        ledger_path=given.ledger,
        token=given.token,
    )
    sandbox.smpp.password = given.password
    try:
        uvloop.run(_serve(sandbox))
    except OSError as error:
        sys.stderr.write(f"vestnik sandbox: {error.strerror or error}\n")
        return 1
    return 0


def behaviour_of(given: argparse.Namespace) -> Behaviour:
    percent = {act: getattr(given, act, 0.0) for act in Action if act is not Action.ACCEPT}
    return Behaviour(
        delay=given.delay,
        percent={act: share for act, share in percent.items() if share},
        deduplicates=given.deduplicate,
        receipts=given.receipts,
        receipt_delay=given.receipt_delay,
        callback_url=given.callback_url,
        seed=given.seed,
    )


async def _serve(sandbox: Sandbox) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with sandbox:
        sys.stdout.write(f"HTTP on {sandbox.url}, SMPP on port {sandbox.smpp_port}.\n")
        sys.stdout.write(EXAMPLE.format(url=sandbox.url))
        sys.stdout.flush()
        await stop.wait()
    sandbox.ledger.close()
