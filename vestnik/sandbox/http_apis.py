"""The HTTP APIs of the gateway: Vestnik's default one, and that of SMSC.ru.

An API parses a request into a message, and formats the answer to each action.
"""

import re
import string
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vestnik.sandbox.behaviour import Action
from vestnik.sandbox.http_server import Connection, Request

if TYPE_CHECKING:
    from vestnik.sandbox.gateway import Sandbox

BABBLE = b"<html><body>It works!</body></html>"


class Malformed(Exception):
    """The request is not valid for this API."""


@dataclass(frozen=True, slots=True)
class ReceivedMessage:
    """A message as it was received."""

    message_id: int | None
    phone_number: str
    text: str
    sender: str = ""
    validity: str = ""
    #: The id that the sender chose for status queries, if the API has one.
    wanted_id: str = ""


class HttpApi(ABC):
    """One HTTP API for sending."""

    @abstractmethod
    def takes(self, request: Request) -> bool: ...

    @abstractmethod
    def read(self, request: Request) -> ReceivedMessage:
        """Parse a request. Raises Malformed."""

    @abstractmethod
    def accepted(self, provider_id: str, connection: Connection) -> None: ...

    @abstractmethod
    def refused(self, act: Action, retry_after: float, connection: Connection) -> None: ...

    @abstractmethod
    def malformed(self, reason: str, connection: Connection) -> None: ...


class DefaultApi(HttpApi):
    """`POST …/send/{id}` with `{"id": int, "phone": int, "text": str}`.

    The validity may be in the body, the query string or the header `X-Validity-Seconds`.
    """

    path = re.compile(r"/send/(\d+)$")

    def __init__(self, token: str = "") -> None:
        self._token = token

    def takes(self, request: Request) -> bool:
        return self.path.search(request.path) is not None

    def read(self, request: Request) -> ReceivedMessage:
        if self._token and request.headers.get("authorization") != f"Bearer {self._token}":
            raise Malformed("401")
        match = self.path.search(request.path)
        try:
            body = request.json()
            message_id, phone, text = int(body["id"]), body["phone"], str(body["text"])
        except (ValueError, KeyError, TypeError) as error:
            raise Malformed(f"the body is invalid: {error!r}") from None
        if not match or int(match[1]) != message_id or not isinstance(phone, int):
            raise Malformed("the id differs from the path's, or phone is not a number")
        return ReceivedMessage(
            message_id, str(phone), text, body.get("sender", ""), _validity(request, body)
        )

    def accepted(self, provider_id: str, connection: Connection) -> None:
        connection.answer_json(200, {"code": 0, "message": "OK", "provider_id": provider_id})

    def refused(self, act: Action, retry_after: float, connection: Connection) -> None:
        if act is Action.THROTTLE:
            headers = {"Retry-After": f"{retry_after:.0f}"}
            connection.answer_json(429, {"code": 429, "message": "too many requests"}, headers)
        elif act is Action.REFUSE:
            connection.answer_json(400, {"code": 400, "message": "refused for good"})
        elif act is Action.FORBID:
            connection.answer_json(403, {"code": 403, "message": "forbidden"})
        else:
            connection.answer(500, b"")

    def malformed(self, reason: str, connection: Connection) -> None:
        status = 401 if reason == "401" else 400
        connection.answer_json(status, {"code": status, "message": reason})


class SmscApi(HttpApi):
    """SMSC.ru's `sys/send.php` with `fmt=3`. An error is a 200 with `error_code`."""

    def takes(self, request: Request) -> bool:
        return request.path.endswith("/sys/send.php")

    def read(self, request: Request) -> ReceivedMessage:
        fields = request.fields
        if fields.get("charset") != "utf-8" or fields.get("fmt") != "3":
            raise Malformed("charset=utf-8 and fmt=3 are missing")
        if not fields.get("apikey") and not (fields.get("login") and fields.get("psw")):
            raise Malformed("authorise error")
        wanted_id = fields.get("id", "")
        number = wanted_id.lstrip(string.ascii_letters)
        return ReceivedMessage(
            int(number) if number.isdigit() else None,
            fields.get("phones", ""),
            fields.get("mes", ""),
            fields.get("sender", ""),
            fields.get("valid", ""),
            wanted_id,
        )

    def accepted(self, provider_id: str, connection: Connection) -> None:
        connection.answer_json(200, {"id": provider_id, "cnt": 1, "cost": "2.5"})

    def refused(self, act: Action, retry_after: float, connection: Connection) -> None:
        if act is Action.FAIL or act is Action.TAKE_AND_FAIL:
            connection.answer(500, b"")
        elif act is Action.THROTTLE:
            connection.answer_json(200, {"error": "duplicate request, wait", "error_code": 9})
        elif act is Action.FORBID:
            connection.answer_json(200, {"error": "authorise error", "error_code": 2})
        else:
            connection.answer_json(200, {"error": "message is denied", "error_code": 6})

    def malformed(self, reason: str, connection: Connection) -> None:
        code = 2 if reason == "authorise error" else 1
        connection.answer_json(200, {"error": reason, "error_code": code})


def smsc_status(request: Request, sandbox: "Sandbox", connection: Connection) -> None:
    """Answer SMSC.ru's `sys/status.php` about one message; the state is final if receipts are
    on."""
    fields = request.fields
    wanted = (fields.get("id"), fields.get("phone"))
    known = {(entry.provider_id, entry.phone_number) for entry in sandbox.ledger.taken}
    behaviour = sandbox.behaviour
    final = 20 if behaviour.undelivered >= 100 else 1
    if wanted not in known:
        connection.answer_json(200, {"error": "message not found", "error_code": 3})
    else:
        status = final if behaviour.receipts else 0
        connection.answer_json(200, {"status": status, "last_timestamp": 1795500000, "err": 0})


def _validity(request: Request, body: Mapping[str, object]) -> str:
    header = request.headers.get("x-validity-seconds", "")
    return str(body.get("validity") or request.query.get("validity") or header)
