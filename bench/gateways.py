"""A gateway on loopback: the pipeline in one worker process, a bare client, the usual design."""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bench import shapes
from bench.bare import AT_ONCE
from bench.report import Report
from tests.pipeline.mailings import fill
from tests.stack.embedded_servers import wait_until
from tests.stack.running import RunningStack, free_port
from vestnik.stack.servers.valkey import is_free

REPEATS = 3


@dataclass(frozen=True)
class Way:
    """A measured provider, and the number of messages that last for at least ten seconds."""

    key: str
    title: str
    kind: str
    delay: float
    messages: int
    usual_messages: int


WAYS = [
    Way("http_0ms_vs_bare", "HTTP, answer at once", "http", 0.0, 100_000, 3_000),
    Way("http_20ms_vs_bare", "HTTP, answer after 20 ms", "http", 0.02, 50_000, 600),
    Way("smpp_vs_bare", "SMPP, without receipts", "smpp", 0.0, 300_000, 3_000),
]


def measure(report: Report, scale: float) -> None:
    """Measure every provider, the shapes alternating."""
    rows = [_measure(way, report, scale) for way in WAYS]
    report.table(
        f"Through a gateway on loopback, one worker process, {AT_ONCE} in flight: "
        "messages per second",
        ["way out", "bare client", "the pipeline", "of bare", "the usual design", "runs"],
        rows,
    )


def _measure(way: Way, report: Report, scale: float) -> list[str]:
    port = free_port()
    count, few = int(way.messages * scale), int(way.usual_messages * scale)
    found: dict[str, list[float]] = {"bare": [], "pipeline": [], "usual": []}
    with gateway(way, port), RunningStack(workers=1, environ=provider(way, port)) as stack:
        fill(stack, count)
        for _ in range(REPEATS):
            found["bare"].append(bare(way, port, count))
            shapes.clear(stack)
            found["pipeline"].append(count / shapes.pipeline(stack, count, provider="main"))
            shapes.clear(stack)
            url = f"{way.kind}://127.0.0.1:{port}"
            found["usual"].append(few / shapes.usual(stack, few, workers=1, url=url))
    rate = {name: statistics.median(runs) for name, runs in found.items()}
    report.figure(way.key, rate["pipeline"] / rate["bare"])
    report.figure(way.key.replace("bare", "usual"), rate["pipeline"] / rate["usual"])
    return [
        way.title,
        f"{rate['bare']:,.0f}",
        f"{rate['pipeline']:,.0f}",
        f"{rate['pipeline'] / rate['bare']:.2f}",
        f"{rate['usual']:,.0f}",
        "; ".join(
            f"{name} " + ", ".join(f"{r:,.0f}" for r in runs) for name, runs in found.items()
        ),
    ]


def provider(way: Way, port: int) -> dict[str, str]:
    """Return the environment that declares the provider as `main`."""
    options = {"BACKEND": "http_gateway", "URL": f"http://127.0.0.1:{port}", "TOKEN": "bench"}
    if way.kind == "smpp":
        options = {
            "BACKEND": "smpp",
            "HOST": "127.0.0.1",
            "PORT": str(port),
            "SYSTEM_ID": "bench",
            "PASSWORD": "bench",
            "SENDER": "Vestnik",
            "REGISTERED_DELIVERY": "0",
        }
    options |= {"WINDOW": str(AT_ONCE)}
    return {f"SMS_PROVIDER_MAIN_{name}": value for name, value in options.items()}


def bare(way: Way, port: int, count: int) -> float:
    """Return the bare client's messages per second."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.bare", way.kind, str(port), str(count)],
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout)


@contextmanager
def gateway(way: Way, port: int) -> Iterator[None]:
    """Run the sandbox gateway in a process of its own, without a ledger file."""
    other = free_port()
    ports = (port, other) if way.kind == "http" else (other, port)
    command = [sys.executable, "-m", "vestnik.sandbox", "--delay", str(way.delay)]
    command += ["--http-port", str(ports[0]), "--smpp-port", str(ports[1])]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=dict(os.environ))
    try:
        wait_until(lambda: not is_free(port), seconds=10)
        time.sleep(0.2)
        yield
    finally:
        process.terminate()
        process.wait(10)
