"""SMPP: the contract, over a real socket to the sandbox's SMSC."""

from typing import Any

from tests.providers.contract import ContractCases
from vestnik.providers.smpp.provider import SmppProvider
from vestnik.sandbox.behaviour import Action
from vestnik.sandbox.gateway import Sandbox


def smpp(sandbox: Sandbox, **options: Any) -> SmppProvider:
    given = {
        "host": "127.0.0.1",
        "port": str(sandbox.smpp_port),
        "system_id": "vestnik",
        "password": "geheim",
        "sender": "Vestnik",
        "reconnect_least": "0.05",
        "throttle_pause": "0.2",
    }
    return SmppProvider("main", given | options)


class TestContract(ContractCases):
    ports = {"http_port": None, "smpp_port": 0}
    throttled_for = 0.05

    def build(self, sandbox: Sandbox, **options: Any) -> SmppProvider:
        return smpp(sandbox, **options)

    def validity_on_the_wire(self, sandbox: Sandbox) -> float:
        period = sandbox.ledger.taken[0].validity
        assert (len(period), period[:4], period[12:]) == (16, "0000", "000R")
        day, hour, minute, second = (int(period[at : at + 2]) for at in (4, 6, 8, 10))
        return ((day * 24 + hour) * 60 + minute) * 60 + second

    def most_in_flight(self, sandbox: Sandbox) -> int:
        return sandbox.smpp.most_in_flight

    def pause_after(self, act: Action) -> float:
        """For the link to rest after throttling, and to be bound again after a drop."""
        return {Action.THROTTLE: 0.25, Action.DROP: 0.03}.get(act, 0.0)
