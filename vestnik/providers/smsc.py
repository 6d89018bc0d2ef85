"""SMSC.ru's HTTP API, as the model of a vendor's adapter.

Sources: the vendor's pages smscentre.com/api/http/ (send/sms, status_messages and its statuses,
miscellaneous/callback) and its library `smsc_api.py` 1.9; what several public clients agree on is
marked (c). Answers come with HTTP 200 whatever happened, so the key `error_code` decides. One id
names all numbers of a request: the message's key is (id, phone), and we send one number each.
"""

import asyncio
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from copy import deepcopy
from datetime import UTC, datetime
from urllib.parse import urlencode

from yarl import URL

from vestnik.providers.base import (
    PROVIDER_ID_LENGTH,
    Accepted,
    CallbackResult,
    Deferred,
    Inbound,
    OutboundMessage,
    Outcome,
    Receipt,
    ReceiptState,
    Rejected,
    Reply,
    Sink,
    StatusQuery,
    Unknown,
    account_refused,
)
from vestnik.providers.callbacks import (
    Callback,
    CallbackAuthenticator,
    CallbackRefused,
    CallerUnknown,
    matches_secret,
    parse_id,
)
from vestnik.providers.error_class import ErrorClass
from vestnik.providers.errors import OptionError
from vestnik.providers.events import normalize_sender
from vestnik.providers.http.provider import HttpConnection, HttpProvider
from vestnik.providers.http.response import (
    Response,
    gateway_said,
    make_readable,
    retry_after,
    scalar_text,
)
from vestnik.providers.http.transport import HttpTransport, Request, TransportOptions, explain
from vestnik.providers.options import Options, Secret
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

#: `error_code` of send.php (c). 9 is more than one identical request a minute or 15 concurrent
#: ones of a login. The first kind may mean that the one before was taken; but ours go out once.
SEND_ERRORS: Mapping[str, tuple[Code, ErrorClass]] = {
    "1": (Code.PARAMETER_WRONG, ErrorClass.PERMANENT),
    "2": (Code.LOGIN_WRONG, ErrorClass.ACCOUNT),
    "3": (Code.NO_MONEY, ErrorClass.ACCOUNT),
    "4": (Code.ADDRESS_BLOCKED, ErrorClass.ACCOUNT),
    "5": (Code.DATE_FORMAT_WRONG, ErrorClass.PERMANENT),
    "6": (Code.TEXT_FORBIDDEN, ErrorClass.PERMANENT),
    "7": (Code.NUMBER_FORMAT_WRONG, ErrorClass.PERMANENT),
    "8": (Code.NUMBER_UNDELIVERABLE, ErrorClass.PERMANENT),
    "9": (Code.TOO_MANY_REQUESTS, ErrorClass.TEMPORARY),
}
#: Blocked addresses and empty accounts do not mend themselves within seconds.
ACCOUNT_PAUSE, BUSY_PAUSE = 60.0, 5.0

#: `status` of a message. Not final: -3 not found (an error of the look-up), -2 stopped (clients
#: disagree), -1 waiting, 0 handed to the operator, 24 no money (sent again after a top-up).
STATUSES: Mapping[str, tuple[Reason | None, ReceiptState]] = {
    "1": (None, "delivered"),
    "2": (None, "delivered"),  # read
    "3": (Reason(Code.EXPIRED, word="expired"), "undelivered"),
    "4": (None, "delivered"),  # a link in it was opened
    "6": (Reason(Code.SPAM), "undelivered"),
    "20": (Reason(Code.DELIVERY_IMPOSSIBLE), "undelivered"),
    "22": (Reason(Code.WRONG_NUMBER), "undelivered"),
    "23": (Reason(Code.OPERATOR_FORBIDS), "undelivered"),
    "25": (Reason(Code.NUMBER_UNAVAILABLE), "undelivered"),
}
UNDERWAY = frozenset({"-2", "-1", "0", "24"})
#: `valid` goes from a minute to a day (`hh:mm`).
SHORTEST_VALIDITY, LONGEST_VALIDITY = 60, 86_400
#: status.php refuses five concurrent requests (c). It also answers about many messages at once, but
#: that once a minute: one by one is as fast and says which one it is about.
MOST_QUESTIONS_AT_ONCE = 4
#: What a signature covers of a receipt, and of a text that a client wrote; how the former looks.
SIGNED, SIGNED_TEXT = ("id", "phone", "status"), ("phone", "mes", "to")
RECEIPT = re.compile(r"[^:]{1,100}:\+?[0-9]{5,15}:-?[0-9]{1,3}", re.ASCII)
#: What tells one text of a client from another.
INBOUND_IDS = ("id", "sms_id", "time")
OUR_ID = re.compile(r"[A-Za-z0-9._-]{0,20}")


class SmscProvider(HttpProvider):
    """One request a message; status by callback and by query.

    The vendor does not promise to take an id only once, so a message in doubt is asked for, and
    not sent again.
    """

    can_query = True
    #: 15 concurrent requests of one login are refused: two workers' ten, and four questions.
    window = 5

    def configure(self, options: Options) -> None:
        # Of its own, so that messages never wait for questions; by the same options, which are
        # taken but once.
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
        self._signature = options.secret("callback_signature_secret", "")
        self._door = CallbackAuthenticator(options)

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
        document = answer.document()
        if not isinstance(document, dict):
            return _without_json(answer)
        if "error_code" in document:
            return self._refusal(scalar_text(document["error_code"]) or "", document)
        provider_id = scalar_text(document.get("id"))
        if answer.status != 200 or provider_id is None or "cnt" not in document:
            return Unknown(_unreadable(answer, "the vendor's"))
        return Accepted(provider_id[:PROVIDER_ID_LENGTH])

    def _refusal(self, code: str, document: Mapping[str, object]) -> Outcome:
        known, error_class = SEND_ERRORS.get(code, (Code.UNKNOWN_ERROR, ErrorClass.AMBIGUOUS))
        words = make_readable(scalar_text(document.get("error")) or "")
        explained = Reason(Code.GATEWAY_WORDS, reason=Reason(known), text=words)
        if error_class is ErrorClass.PERMANENT:
            return Rejected(code, explained)
        reason = Reason(Code.GATEWAY_SAID, code=code, reason=explained)
        if error_class is ErrorClass.AMBIGUOUS:
            return Unknown(reason)
        if error_class is ErrorClass.TEMPORARY:
            return Deferred(reason, BUSY_PAUSE, provider_wide=True)
        return account_refused(code, ACCOUNT_PAUSE, reason=explained)

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
        receipt = self._receipt(status, question.provider_id, question.message_id, document)
        return receipt or Unknown(Reason(Code.STATUS_NOT_FINAL, status=status))

    def read_callback(self, callback: Callback) -> CallbackResult:
        """Signed where `callback_signature_secret` is set, else by `callback_secret`.

        Signed strings (c): `id:phone:status:SECRET`, and `phone:mes:to:SECRET` for an inbound
        message; time, error and cost are not covered. Both are three words, so a signature of one
        could be shown for the other: each has to look like what it is, and not like the other.
        """
        fields = callback.fields
        is_text = "mes" in fields
        signed_words = [fields.get(name, "") for name in (SIGNED_TEXT if is_text else SIGNED)]
        signed = bool(self._signature)
        self._door.authenticate(callback, signed=signed)
        if signed and not _signed(fields, signed_words, self._signature):
            raise CallerUnknown("the signature is missing or wrong")
        if is_text is bool(RECEIPT.fullmatch(":".join(signed_words))) and signed:
            raise CallbackRefused("it cannot be told whether it is a receipt or a text")
        if is_text:
            return CallbackResult(inbound=[self._inbound(fields)])
        if "waitcall" in fields:
            return CallbackResult()
        return CallbackResult(receipts=self._receipts(fields))

    def _receipts(self, fields: Mapping[str, str]) -> list[Receipt]:
        number, status = fields.get("id", ""), fields.get("status", "")
        if not number or not status:
            raise CallbackRefused("there is neither a text nor an id with a status")
        ours = parse_id(number.removeprefix(self._prefix))
        mine = ours if self._prefix and number.startswith(self._prefix) else None
        receipt = self._receipt(status, number, mine, fields)
        return [receipt] if receipt else []

    def _receipt(
        self, status: str, number: str, message_id: int | None, said: Mapping[str, object]
    ) -> Receipt | None:
        """Return the receipt; None for a status that is not final."""
        if status not in STATUSES:
            return None
        reason, state = STATUSES[status]
        error = make_readable(scalar_text(said.get("err")) or "0")
        return Receipt(
            self.alias,
            state,
            _instant(said.get("last_timestamp") or said.get("ts")),
            provider_id=number,
            message_id=message_id,
            error=_reason_of(status, reason, error) if reason else "",
            phone_number=normalize_sender(scalar_text(said.get("phone")) or ""),
        )

    def _inbound(self, fields: Mapping[str, str]) -> Inbound:
        phone_number = normalize_sender(fields.get("phone", ""))
        if not phone_number:
            raise CallbackRefused("a text came without the number of its sender")
        key = ":".join(fields[name] for name in INBOUND_IDS if name in fields)
        return Inbound(self.alias, phone_number, fields["mes"], datetime.now(UTC), key)

    def _post(self, path: str, fields: Mapping[str, str]) -> Request:
        """Build a POST, so that neither password nor text appears in any log of addresses."""
        secrets = {name: secret.reveal() for name, secret in self._login.items()}
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return Request(
            "POST", URL(self._url + path), headers, urlencode({**secrets, **fields}).encode()
        )


class SmscConnection(HttpConnection[SmscProvider]):
    """The connections for messages, and others for questions."""

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
    """`valid`, rounded down: it must not outlive the mailing by a minute."""
    minutes = min(max(seconds, SHORTEST_VALIDITY), LONGEST_VALIDITY) // 60
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _login(options: Options) -> dict[str, Secret]:
    """Return the credentials: an API key alone, or a login with its password."""
    if apikey := options.secret("apikey", ""):
        return {"apikey": apikey}
    return {"login": options.secret("login"), "psw": options.secret("password")}


def _without_json(answer: Response) -> Outcome:
    if answer.status == 429:
        wish = retry_after(answer)
        return Deferred(
            gateway_said("HTTP 429"), BUSY_PAUSE if wish is None else wish, provider_wide=True
        )
    return Unknown(_unreadable(answer, "JSON"))


def _unreadable(answer: Response, expected: str) -> Reason:
    return Reason(Code.UNREADABLE_ANSWER, status=answer.status, expected=expected)


def _reason_of(status: str, reason: Reason, error: str) -> Reason:
    network = Reason(Code.NO_NETWORK_ERROR, reason=reason)
    if error != "0":
        network = Reason(Code.NETWORK_ERROR, reason=reason, error=error)
    return Reason(Code.GATEWAY_SAID, code=status, reason=network)


def _signed(fields: Mapping[str, str], words: Sequence[str], secret: Secret) -> bool:
    """Return whether the signature matches, by md5 or sha1 as the account is configured.

    It covers the octets that were sent: windows-1251 for an account with that charset.
    """
    text = ":".join([*words, secret.reveal()])
    return any(
        kind in fields and matches_secret(fields[kind].lower(), Secret(_digest(kind, octets)))
        for kind in ("md5", "sha1")
        for octets in _octets(text)
    )


def _octets(text: str) -> Iterator[bytes]:
    yield text.encode()
    with suppress(UnicodeEncodeError):
        yield text.encode("cp1251")


def _digest(kind: str, octets: bytes) -> str:
    return hashlib.new(kind, octets, usedforsecurity=False).hexdigest()


def _instant(timestamp: object) -> datetime:
    """Seconds since 1970; `last_date` beside it is Moscow's time and is not read."""
    word = scalar_text(timestamp) or ""
    seconds = int(word) if word.isdecimal() and len(word) < 12 else 0
    return datetime.fromtimestamp(seconds, UTC) if seconds else datetime.now(UTC)
