"""All faults at once, with a gateway: the rows of `make chaos` that use a gateway's ledger."""

import contextlib
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tests.gateways.standing import Standing
from tests.pipeline.gateways import http, smpp, stack_at
from tests.pipeline.mailings import AuditReport, audit, create, fill, wait_ended
from tests.stack.embedded_servers import wait_until
from tests.stack.running import RunningStack

Attack = Callable[[RunningStack, Standing], None]

LOST = {"take_and_drop": 10, "fail": 2.5, "throttle": 2.5}
# With SMPP, a dropped connection loses the answers of the whole window.
LOST_SMPP = {"take_and_hang": 10, "fail": 2.5, "throttle": 2.5}


def kill_a_worker(stack: RunningStack, _: Standing) -> None:
    kill_with_retries(stack, random.choice([n for n in stack.pids if n.startswith("worker")]))


def kill_valkey(stack: RunningStack, _: Standing) -> None:
    kill_with_retries(stack, "valkey")


def restart_postgres(stack: RunningStack, _: Standing) -> None:
    kill_with_retries(stack, "postgres", 2)


def restart_gateway(_: RunningStack, gateway: Standing) -> None:
    gateway.down()
    time.sleep(random.uniform(0.1, 2.0))  # seconds for which it is down
    gateway.up()


def kill_with_retries(stack: RunningStack, name: str, number: int = 9) -> None:
    """Kill the process; one that is restarting is killed after its start."""
    for _ in range(100):
        with contextlib.suppress(ProcessLookupError):
            stack.kill(name, number)
            return
        time.sleep(0.1)  # its supervisor starts it again
    raise TimeoutError(f"{name} does not live")


TIMES: list[tuple[Attack, int]] = [
    (kill_a_worker, 20),
    (kill_valkey, 5),
    (restart_postgres, 3),
    (restart_gateway, 5),
]


@dataclass(frozen=True)
class CombinedFault:
    """A provider, the behaviour of its gateway, and the expected result."""

    name: str
    what: str
    provider: str
    #: Whether every client must get exactly one message, or some may be unknown.
    everybody: bool = False
    wishes: Mapping[str, object] = field(default_factory=dict)


COMBINED_FAULTS = [
    CombinedFault(
        "http", "everything at once, HTTP gateway, hold", "main", wishes={"percent": LOST}
    ),
    CombinedFault(
        "smpp", "everything at once, SMPP gateway, hold", "smpp", wishes={"percent": LOST_SMPP}
    ),
    CombinedFault(
        "resend",
        "everything at once, HTTP gateway that deduplicates, resend",
        "again",
        everybody=True,
        wishes={"percent": LOST, "deduplicates": True},
    ),
]


def run_under_faults(
    fault: CombinedFault, *, clients: int, seconds: float
) -> tuple[float, AuditReport]:
    """Send a mailing during all attacks; return its duration and result."""
    wishes = {"delay": 0.01, "receipts": True, "receipt_delay": 0.5, **fault.wishes}
    with Standing(smpp=True, **wishes) as gateway, stack_at(gateway, environ(gateway)) as stack:
        fill(stack, clients)
        began = time.monotonic()
        mailing = create(
            stack,
            ends_in=seconds * 10,
            rate_limit=int(clients / seconds),
            provider=fault.provider,
        )
        attack(stack, gateway, until=began + seconds)
        attacked_until = datetime.now(UTC)
        found = wait_ended(stack, mailing, seconds=seconds * 3)
        if datetime.fromisoformat(found["finished_at"]) < attacked_until:
            raise AssertionError("the mailing was over before the attacks were")
        took = time.monotonic() - began
        wait_until(gateway.says_no_more, seconds=60)
        return took, audit(stack, mailing, gateway.times())


def environ(gateway: Standing) -> dict[str, str]:
    """A short deadline makes a short lease, so the batches of a killed worker are rescued
    sooner."""
    return {
        **http(gateway, "main", deadline="1"),
        **http(gateway, "again", deadline="1", in_doubt="resend", deduplicates="true"),
        **smpp(gateway, "smpp", deadline="1"),
    }


def attack(stack: RunningStack, gateway: Standing, until: float) -> None:
    """Run all attacks at random moments, the last of them before the mailing can have ended."""
    now = time.monotonic()
    attacks = [one for one, times in TIMES for _ in range(times)]
    moments = sorted(random.uniform(now + 2, until - 5) for _ in attacks)
    random.shuffle(attacks)
    for moment, one in zip(moments, attacks, strict=True):
        time.sleep(max(0.0, moment - time.monotonic()))  # until the time of the attack
        one(stack, gateway)
