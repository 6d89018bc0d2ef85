"""Asking a gateway what became of a message, as configured."""

from collections.abc import Mapping
from datetime import UTC, datetime

from yarl import URL

from vestnik.providers.base import Accepted, Receipt, ReceiptState, Reply, StatusQuery, Unknown
from vestnik.providers.http.response import Response, make_finder, make_readable
from vestnik.providers.http.templates import Compiler, TemplateValues
from vestnik.providers.http.transport import Request
from vestnik.providers.options import Options
from vestnik.providers.receipt_reasons import reason_of_word

#: States of a message on its way to its recipient, as gateways call them; not final.
UNDER_WAY = frozenset(
    {"accepted", "acceptd", "acked", "buffered", "buffred", "en_route", "enroute", "pending"}
    | {"processing", "queued", "scheduled", "sending", "sent", "submitted", "unknown"}
)


class StatusEndpoint:
    """One question a message: `GET {url}{status_path}`."""

    def __init__(self, alias: str, options: Options, url: str, compiler: Compiler) -> None:
        self._alias = alias
        path = options.text("status_path", "")
        self.is_configured = bool(path)
        self._needs_their_id = "{provider_id}" in path
        target = compiler.address("url", url.strip().rstrip("/"))
        self._url = target + compiler.address("status_path", path)
        self._state = make_finder(options, "status_state", "status")
        self._error = make_finder(options, "status_error")
        self._underway = frozenset(word.lower() for word in options.words("underway_states"))

    def request(self, question: StatusQuery, headers: dict[str, str]) -> Request | None:
        """None where it cannot be asked for: the gateway never named it."""
        if self._needs_their_id and not question.provider_id:
            return None
        address = self._url.fill(TemplateValues(question))
        return Request("GET", URL(address, encoded=True), headers)

    def reply(
        self, answer: Response, question: StatusQuery, states: Mapping[str, ReceiptState]
    ) -> Reply:
        text, document, number = answer.text(), answer.document(), question.phone_number
        word = (self._state(text, document, number) if self._state else None) or ""
        if answer.status != 200 or not word:
            return Unknown(f"HTTP {answer.status} without a state")
        state = states.get(word.lower())
        if state is None:
            on_its_way = word.lower() in UNDER_WAY | self._underway
            known = Accepted(question.provider_id)
            return known if on_its_way else Unknown(f"the gateway answers {make_readable(word)}")
        error = (self._error(text, document, number) if self._error else None) or ""
        return Receipt(
            self._alias,
            state,
            datetime.now(UTC),
            provider_id=question.provider_id,
            message_id=question.message_id,
            error=(
                "" if state == "delivered" else reason_of_word(make_readable(error or word, number))
            ),
        )
