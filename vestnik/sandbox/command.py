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
    """The options of `vestnik sandbox`."""
    found = argparse.ArgumentParser(
        prog="vestnik sandbox", description="A gateway by HTTP and SMPP to try things with."
    )
    found.add_argument("--host", default="127.0.0.1")
    found.add_argument("--http-port", type=int, default=8090, help="default 8090")
    found.add_argument("--smpp-port", type=int, default=2775, help="default 2775")
    found.add_argument("--token", default="", help="the bearer token to insist on")
    found.add_argument("--password", default="", help="the SMPP password to insist on")
    found.add_argument("--ledger", type=Path, help="a file that keeps what was taken")
    found.add_argument("--delay", type=float, default=0.0, help="seconds before each answer")
    found.add_argument("--deduplicate", action="store_true", help="take each message id once")
    found.add_argument("--receipts", action="store_true", help="send delivery receipts")
    found.add_argument("--receipt-delay", type=float, default=1.0)
    found.add_argument("--callback-url", default="", help="where receipts of HTTP messages go")
    found.add_argument("--seed", type=int, help="for the same chance each time")
    for act in Action:
        if act is not Action.ACCEPT:
            name = f"--{act.replace('_', '-')}"
            found.add_argument(name, type=float, default=0.0, metavar="PERCENT")
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until interrupted; the exit code."""
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
