"""Queries the state of a message at a gateway, as configured."""

from collections.abc import Mapping
from datetime import UTC, datetime

from yarl import URL

from vestnik.providers.base import Accepted, Receipt, ReceiptState, Reply, StatusQuery, Unknown
from vestnik.providers.http.response import Response, make_finder, make_readable
from vestnik.providers.http.templates import Compiler, TemplateValues
from vestnik.providers.http.transport import Request
from vestnik.providers.options import Options
from vestnik.providers.receipt_reasons import reason_of_word

#: Names that gateways give to states that are not final.
UNDER_WAY = frozenset(
    {"accepted", "acceptd", "acked", "buffered", "buffred", "en_route", "enroute", "pending"}
    | {"processing", "queued", "scheduled", "sending", "sent", "submitted", "unknown"}
)


class StatusEndpoint:
    """The endpoint of status queries, one message per request: `GET {url}{status_path}`."""

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

    def request(self, query: StatusQuery, headers: dict[str, str]) -> Request | None:
        """Return the request; None if the path needs the gateway's id and it never gave one."""
        if self._needs_their_id and not query.provider_id:
            return None
        address = self._url.fill(TemplateValues(query))
        return Request("GET", URL(address, encoded=True), headers)

    def reply(
        self, answer: Response, query: StatusQuery, states: Mapping[str, ReceiptState]
    ) -> Reply:
        text, document, number = answer.text(), answer.document(), query.phone_number
        word = (self._state(text, document, number) if self._state else None) or ""
        if answer.status != 200 or not word:
            return Unknown(f"HTTP {answer.status} without a state")
        state = states.get(word.lower())
        if state is None:
            on_its_way = word.lower() in UNDER_WAY | self._underway
            known = Accepted(query.provider_id)
            return known if on_its_way else Unknown(f"the gateway answers {make_readable(word)}")
        error = (self._error(text, document, number) if self._error else None) or ""
        return Receipt(
            self._alias,
            state,
            datetime.now(UTC),
            provider_id=query.provider_id,
            message_id=query.message_id,
            error=(
                "" if state == "delivered" else reason_of_word(make_readable(error or word, number))
            ),
        )
