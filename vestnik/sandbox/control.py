"""The control API at `/control/…` on the HTTP port, beside the gateway's own addresses.

- `GET /control` — the behaviour and the counts
- `POST /control/behaviour` — change fields of the behaviour
- `GET /control/messages?after=N` — the accepted messages after the first N; `DELETE` forgets them
- `POST /control/inbound` — `{"phone_number", "text"}`: send a text from a client
- `POST /control/drop` — close all connections
"""

from typing import TYPE_CHECKING, Any

from vestnik.sandbox.http_server import Connection, Request

if TYPE_CHECKING:
    from vestnik.sandbox.gateway import Sandbox

ROOT = "/control"
#: Messages in one answer; `after` reads on.
MOST_LISTED = 10_000


class Control:
    """Handles the requests of the control API."""

    def __init__(self, sandbox: "Sandbox") -> None:
        self._sandbox = sandbox
        self._routes = {
            ("GET", ""): self._state,
            ("POST", "/behaviour"): self._change,
            ("GET", "/messages"): self._messages,
            ("DELETE", "/messages"): self._forget,
            ("POST", "/inbound"): self._inbound,
            ("POST", "/drop"): self._drop,
        }

    def takes(self, request: Request) -> bool:
        return request.path == ROOT or request.path.startswith(f"{ROOT}/")

    def handle(self, request: Request, connection: Connection) -> None:
        path = request.path.removeprefix(ROOT).rstrip("/")
        route = self._routes.get((request.method, path))
        if route is None:
            connection.answer_json(404, {"error": f"no {request.method} {request.path}"})
            return
        try:
            answer = route(request)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            connection.answer_json(400, {"error": str(error)})
        else:
            connection.answer_json(200, answer)

    def _state(self, _: Request) -> Any:
        ledger = self._sandbox.ledger
        return {
            "behaviour": self._sandbox.behaviour.as_dict(),
            "taken": len(ledger.taken),
            "numbers": len(ledger.times_taken()),
            "doubled": sum(times > 1 for times in ledger.times_taken().values()),
            "requests": self._sandbox.requests,
            "smpp_sessions": len(self._sandbox.smpp.sessions),
        }

    def _change(self, request: Request) -> Any:
        self._sandbox.behaviour.change(request.json())
        return self._sandbox.behaviour.as_dict()

    def _messages(self, request: Request) -> Any:
        after = int(request.query.get("after", 0))
        entries = self._sandbox.ledger.taken[after : after + MOST_LISTED]
        return [entry.as_dict() for entry in entries]

    def _forget(self, _: Request) -> Any:
        self._sandbox.ledger.clear()
        return {"taken": 0}

    def _inbound(self, request: Request) -> Any:
        wish = request.json()
        sent = self._sandbox.receipts.inbound(str(wish["phone_number"]), str(wish["text"]))
        return {"sent": sent}

    def _drop(self, _: Request) -> Any:
        self._sandbox.drop_connections()
        return {"dropped": True}
