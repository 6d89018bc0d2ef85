"""Public gateway APIs, one row each: how they read a request, answer it and call back.

Written from the vendors' public documents and clients. A simulator refuses what its API would
refuse, and cuts a text into parts by the alphabet that the request names.
"""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlencode

from vestnik.providers.base import Accepted, Deferred, Outcome, Rejected, account_refused
from vestnik.sandbox.wire import Connection, Request

#: Letters of GSM 7-bit that take two septets (3GPP TS 23.038, 6.2.1.1).
ESCAPED = frozenset("^{}\\[~]|€\f")
SEVEN_BIT = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
UCS_2, GSM_7, BY_CONTENT = "ucs-2", "gsm-7", "by content"


class Wrong(Exception):
    """The API refuses the request as the simulator says."""

    def __init__(self, status: int, body: object) -> None:
        self.status, self.body = status, body
        super().__init__(f"{status}: {body}")


@dataclass(frozen=True, slots=True)
class Sent:
    """A message as the gateway understood it."""

    phone_number: str
    text: str
    alphabet: str = BY_CONTENT
    our_id: str = ""

    @property
    def parts(self) -> int:
        """As many as the gateway sends, and bills."""
        seven_bit = all(letter in SEVEN_BIT or letter in ESCAPED for letter in self.text)
        if self.alphabet == GSM_7 or (self.alphabet == BY_CONTENT and seven_bit):
            return cut([2 if letter in ESCAPED else 1 for letter in self.text], 160, 153)
        return cut([len(letter.encode("utf-16-be")) for letter in self.text], 140, 134)


def cut(widths: list[int], alone: int, beside: int) -> int:
    """How many parts letters of these widths take, none of them split."""
    if sum(widths) <= alone:
        return 1
    parts, used = 1, 0
    for width in widths:
        if used + width > beside:
            parts, used = parts + 1, 0
        used += width
    return parts


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of the API, and what it makes of the message."""

    status: int
    body: object
    means: Outcome
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Notice:
    """A call of the API to us, and what it tells: the state and id of each message."""

    body: object = None
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    receipts: tuple[tuple[str, str], ...] = ()
    inbound: tuple[tuple[str, str], ...] = ()
    is_refused: bool = False

    @property
    def octets(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        if self.content_type.endswith("urlencoded") and isinstance(self.body, Mapping):
            return urlencode(self.body).encode()
        return b"" if self.body is None else json.dumps(self.body).encode()


@dataclass(frozen=True, slots=True)
class Vendor:
    """One API: `read` raises Wrong, `accept` answers what it took."""

    alias: str
    read: Callable[[Request], Sent]
    accept: Callable[[Sent], Answer]
    answers: tuple[Answer, ...] = ()
    notices: tuple[Notice, ...] = ()


class Gateway:
    """A vendor on a port: what it took, and what it answers next."""

    def __init__(self, vendor: Vendor) -> None:
        self._vendor = vendor
        self.taken: list[Sent] = []
        self.wrong: list[Wrong] = []
        self.next: list[Answer] = []

    def handle(self, request: Request, connection: Connection) -> None:
        try:
            sent = self._vendor.read(request)
        except Wrong as refusal:
            self.wrong.append(refusal)
            answer(connection, refusal.status, refusal.body)
            return
        said = self.next.pop(0) if self.next else None
        if said is None:
            self.taken.append(sent)
            said = self._vendor.accept(sent)
        answer(connection, said.status, said.body, said.headers)


def answer(
    connection: Connection, status: int, body: object, headers: Mapping[str, str] | None = None
) -> None:
    if isinstance(body, str):
        connection.answer(status, body.encode(), dict(headers or {}))
    else:
        connection.answer_json(status, body, dict(headers or {}))


@asynccontextmanager
async def standing(vendor: Vendor) -> AsyncIterator[tuple[Gateway, str]]:
    """The gateway and its address."""
    gateway, lines = Gateway(vendor), set[Connection]()
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(gateway.handle, lines), "127.0.0.1", 0
    )
    try:
        yield gateway, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for line in list(lines):
            line.drop()


def must(holds: object, status: int, body: object) -> None:
    """Raises Wrong where it does not hold."""
    if not holds:
        raise Wrong(status, body)


def at(request: Request, method: str, path: str) -> None:
    must((request.method, request.path) == (method, path), 404, f"{request.method} {request.path}")


def basic(request: Request, user: str, password: str) -> bool:
    word = base64.b64encode(f"{user}:{password}".encode()).decode()
    return request.headers.get("authorization") == f"Basic {word}"


def in_gsm(octets: bytes) -> str:
    """Unpacked GSM 7-bit as far as the tests write it: ASCII that is the same there."""
    escapes = {0x65: "€", 0x28: "{", 0x29: "}", 0x3C: "[", 0x3E: "]"}
    text, escaped = "", False
    for octet in octets:
        if octet == 0x1B:
            escaped = True
        else:
            text += escapes[octet] if escaped else chr(octet)
            escaped = False
    return text


# --- Kannel: doc/userguide/userguide.xml, gw/smsbox.c --------------------------------------------


def kannel(request: Request) -> Sent:
    at(request, "GET", "/cgi-bin/sendsms")
    fields = request.query
    account = (fields.get("username"), fields.get("password"))
    must(account == ("u", "p"), 403, "Authorization failed for sendsms")
    must(fields.get("to"), 400, "Missing receiver number, rejected")
    must(int(fields["validity"]) > 0 and fields["charset"] == "UTF-8", 400, "charset")
    text = fields["text"]
    if fields.get("coding", "0") == "0":
        known = SEVEN_BIT | ESCAPED
        seven_bit = "".join(letter if letter in known else "?" for letter in text)
        return Sent(fields["to"], seven_bit, GSM_7)
    must(fields["coding"] == "2", 400, "coding misformed, rejected")
    return Sent(fields["to"], text, UCS_2)


KANNEL = Vendor(
    "kannel",
    kannel,
    lambda _: Answer(202, "0: Accepted for delivery", Accepted()),
    (
        Answer(202, "3: Queued for later delivery", Accepted()),
        Answer(
            403,
            "Not routable. Do not try again.",
            Rejected("Not routable", "refused by the gateway"),
        ),
        Answer(
            403,
            "Authorization failed for sendsms",
            account_refused("403", perhaps=True),
        ),
        Answer(503, "Temporal failure, try again later.", Deferred("HTTP 503")),
        Answer(
            400,
            "Sender missing and no global set, rejected",
            Rejected("HTTP 400", "refused by the gateway"),
        ),
    ),
)

# --- Jasmin: docs.jasminsms.com, http-api --------------------------------------------------------


def jasmin(request: Request) -> Sent:
    at(request, "POST", "/send")
    fields = request.fields
    account = (fields.get("username"), fields.get("password"))
    must(account == ("u", "p"), 403, 'Error "Authentication failure for username:u"')
    must("content" not in fields, 400, 'Error "content and hex-content both present"')
    octets = bytes.fromhex(fields["hex-content"])
    if fields.get("coding", "0") == "0":
        return Sent(fields["to"], in_gsm(octets), GSM_7)
    must(fields["coding"] == "8", 400, 'Error "Argument [coding] has an invalid value"')
    return Sent(fields["to"], octets.decode("utf-16-be"), UCS_2)


JASMIN = Vendor(
    "jasmin",
    jasmin,
    lambda _: Answer(200, 'Success "07033084-5cfd-4812-90a4"', Accepted("07033084-5cfd-4812-90a4")),
    (
        Answer(
            412,
            'Error "No route found"',
            Deferred("Error: No route found"),
        ),
        Answer(
            403,
            'Error "User throughput exceeded"',
            Deferred('Error "User throughput exceeded": User throughput exceeded'),
        ),
    ),
    (
        Notice(
            {"id": "07033084", "message_status": "DELIVRD", "level": "2", "err": "000"},
            content_type="application/x-www-form-urlencoded",
            query={"secret": "s"},
            receipts=(("delivered", "07033084"),),
        ),
        Notice(
            {"id": "07033084", "message_status": "UNDELIV", "level": "2", "err": "001"},
            content_type="application/x-www-form-urlencoded",
            query={"secret": "s"},
            receipts=(("undelivered", "07033084"),),
        ),
        Notice(
            {"id": "07033084", "message_status": "ESME_ROK", "level": "1"},
            content_type="application/x-www-form-urlencoded",
            query={"secret": "s"},
        ),
        Notice(
            {"id": "07033084", "message_status": "DELIVRD"},
            content_type="application/x-www-form-urlencoded",
            is_refused=True,
        ),
    ),
)

# --- SMS Aero v2: the vendor's libraries in Python and PHP ---------------------------------------


def aero(request: Request) -> Sent:
    at(request, "POST", "/v2/sms/send")
    must(
        basic(request, "me@example.com", "key"), 401, {"success": False, "message": "Unauthorized"}
    )
    body = request.json()
    must(2 <= len(body["text"]) <= 640 and body["sign"] is not None, 400, {"success": False})
    return Sent(str(body["number"]), body["text"])


AERO = Vendor(
    "aero",
    aero,
    lambda sent: Answer(
        200, {"success": True, "data": {"id": 7, "number": sent.phone_number}}, Accepted("7")
    ),
    (
        Answer(
            200,
            {"success": False, "data": {"sign": ["unknown"]}, "message": "Validation error."},
            Rejected("false", "Validation error."),
        ),
        Answer(
            401,
            {"success": False, "message": "Your request was made with invalid credentials."},
            account_refused("false: Your request was made with invalid credentials."),
        ),
    ),
)

# --- MTS Exolve: docs.exolve.ru ------------------------------------------------------------------


def exolve(request: Request) -> Sent:
    at(request, "POST", "/messaging/v1/SendSMS")
    must(request.headers.get("authorization") == "Bearer key", 401, {"error": {"message": "key"}})
    body = request.json()
    must(isinstance(body["destination"], str) and "number" in body, 400, {"error": {}})
    return Sent(body["destination"], body["text"])


EXOLVE = Vendor(
    "exolve",
    exolve,
    lambda _: Answer(200, {"message_id": "439166538239448536"}, Accepted("439166538239448536")),
    (Answer(403, {"error": {}}, account_refused("403", perhaps=True)),),
)

# --- MegaFon A2P: randomu3/megafone-api, rosteleset/SmartYard-Server -----------------------------


def megafon(request: Request) -> Sent:
    at(request, "POST", "/sms/v1/sms")
    must(basic(request, "u", "p"), 401, {"fault": {"faultstring": "Invalid credentials"}})
    body = request.json()
    must(isinstance(body["to"], int) and len(body["msg_id"]) <= 16, 400, {"result": {}})
    return Sent(str(body["to"]), body["message"], our_id=body["msg_id"])


def megafon_says(code: int, words: str, means: Outcome) -> Answer:
    status = {"code": code, "description": words}
    return Answer(200, {"result": {"msg_id": "5", "status": status}}, means)


MEGAFON = Vendor(
    "megafon",
    megafon,
    lambda _: megafon_says(0, "ok", Accepted()),
    (
        megafon_says(20102, "duplicate msg_id", Accepted()),
        megafon_says(20101, "bad to", Rejected("20101", "bad to")),
    ),
)

VENDORS = {vendor.alias: vendor for vendor in (KANNEL, JASMIN, AERO, EXOLVE, MEGAFON)}
