"""SMSC.ru's HTTP API, as the model of a vendor's adapter.

Sources: the vendor's pages smscentre.com/api/http/ (send/sms, status_messages and its statuses,
miscellaneous/callback) and its library `smsc_api.py` 1.9; facts from several public clients are
marked (c). Every answer has HTTP status 200, so the key `error_code` decides. An id is that of a
request with all its numbers: a message's key is (id, phone), and we send one number per request.
"""

import asyncio
import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from urllib.parse import urlencode

from yarl import URL

from vestnik.providers.base import (
    Accepted,
    CallbackResult,
    OutboundMessage,
    Outcome,
    Reply,
    Sink,
    StatusQuery,
    Unknown,
)
from vestnik.providers.callbacks import Callback
from vestnik.providers.errors import OptionError
from vestnik.providers.http.provider import HttpConnection, HttpProvider
from vestnik.providers.http.response import Response, scalar_text
from vestnik.providers.http.transport import HttpTransport, Request, TransportOptions, explain
from vestnik.providers.options import Options, Secret
from vestnik.providers.smsc.callback_parser import CallbackParser
from vestnik.providers.smsc.codes import UNDERWAY
from vestnik.providers.smsc.response_parser import outcome_of_response
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

#: `valid` goes from a minute to a day (`hh:mm`).
SHORTEST_VALIDITY, LONGEST_VALIDITY = 60, 86_400
#: status.php refuses five concurrent requests (c). It can also answer about many messages at once,
#: but only once a minute; one by one is as fast, and each answer belongs to one message.
MOST_QUESTIONS_AT_ONCE = 4
OUR_ID = re.compile(r"[A-Za-z0-9._-]{0,20}")


class SmscProvider(HttpProvider):
    """One request per message; status by callback and by query.

    The vendor does not promise to accept an id only once, so a message in doubt is queried and not
    sent again.
    """

    can_query = True
    #: 15 concurrent requests of one login are refused: two workers have ten, and four queries.
    window = 5

    def configure(self, options: Options) -> None:
        # Queries have connections of their own, so that messages never wait for them. The options
        # are copied, because an option can be taken once.
        self.status_transport_options = TransportOptions(
            deepcopy(options), window=MOST_QUESTIONS_AT_ONCE, deadline=self.deadline
        )
        super().configure(options)
        self.receipts = options.choice("receipts", self.receipts, ("callback", "query"))
        self._url = options.url("url", "https://smsc.ru")
        self._login = _login(options)
        self._prefix = options.text("id_prefix", "v")
        if not OUR_ID.fullmatch(self._prefix):
            raise OptionError("id_prefix", "must be up to 20 letters, digits, dots or hyphens")
        self._extra = {
            "charset": "utf-8",
            "fmt": "3",
            "cost": options.choice("cost", "2", ("0", "2", "3")),
            **({"tz": tz} if (tz := options.text("tz", "")) else {}),
            **({"sender": self.sender} if self.sender else {}),
        }
        self._callback_parser = CallbackParser(self.alias, self._prefix, options)

    async def connect(self, sink: Sink) -> "SmscConnection":
        return SmscConnection(self)

    def request_for(self, message: OutboundMessage) -> Request:
        fields = {
            "phones": message.phone_number,
            "mes": message.text,
            "id": f"{self._prefix}{message.message_id}",
            "valid": hours_and_minutes(message.validity),
            **self._extra,
        }
        return self._post("/sys/send.php", fields)

    def outcome_of(self, answer: Response, message: OutboundMessage) -> Outcome:
        return outcome_of_response(answer)

    def status_request(self, question: StatusQuery) -> Request:
        """Query by our own id, which the vendor knows even if its answer was lost."""
        fields = {
            "phone": question.phone_number,
            "id": question.provider_id or f"{self._prefix}{question.message_id}",
            "charset": "utf-8",
            "fmt": "3",
        }
        return self._post("/sys/status.php", fields)

    def reply_of(self, document: object, question: StatusQuery) -> Reply:
        """Return the reply; a message that is not found stays unknown, as the look-up may lag."""
        if not isinstance(document, dict) or "status" not in document:
            return Unknown(Reason(Code.STATUS_UNKNOWN))
        status = scalar_text(document["status"]) or ""
        if status in UNDERWAY:
            return Accepted(question.provider_id or f"{self._prefix}{question.message_id}")
        receipt = self._callback_parser.receipt(
            status, question.provider_id, question.message_id, document
        )
        return receipt or Unknown(Reason(Code.STATUS_NOT_FINAL, status=status))

    def read_callback(self, callback: Callback) -> CallbackResult:
        return self._callback_parser.parse(callback)

    def _post(self, path: str, fields: Mapping[str, str]) -> Request:
        """Build a POST, so that neither password nor text appears in any log of addresses."""
        secrets = {name: secret.reveal() for name, secret in self._login.items()}
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return Request(
            "POST", URL(self._url + path), headers, urlencode({**secrets, **fields}).encode()
        )


class SmscConnection(HttpConnection[SmscProvider]):
    """The connections for messages, and those for status queries."""

    def __init__(self, provider: SmscProvider) -> None:
        super().__init__(provider)
        self._status_transport = HttpTransport(provider.status_transport_options)
        self._turns = asyncio.Semaphore(MOST_QUESTIONS_AT_ONCE)

    async def close(self) -> None:
        await self._status_transport.close()
        await super().close()

    async def ask(self, questions: Sequence[StatusQuery]) -> list[Reply]:
        return await asyncio.gather(*map(self._ask_in_turn, questions))

    async def _ask_in_turn(self, question: StatusQuery) -> Reply:
        async with self._turns:
            return await self._ask(question)

    async def _ask(self, question: StatusQuery) -> Reply:
        try:
            async with asyncio.timeout(self.provider.deadline):
                request = self.provider.status_request(question)
                answer = await self._status_transport.exchange(request)
        except Exception as error:
            return Unknown(explain(error))
        return self.provider.reply_of(answer.document(), question)


def hours_and_minutes(seconds: int) -> str:
    """Return `valid`, rounded down, so that it does not outlive the mailing."""
    minutes = min(max(seconds, SHORTEST_VALIDITY), LONGEST_VALIDITY) // 60
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _login(options: Options) -> dict[str, Secret]:
    """Return the credentials: an API key alone, or a login with its password."""
    if apikey := options.secret("apikey", ""):
        return {"apikey": apikey}
    return {"login": options.secret("login"), "psw": options.secret("password")}
