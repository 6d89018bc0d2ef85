"""Public gateway APIs, one row each: how they read a request, answer it and call back.

Written from the vendors' public documents and clients. A simulator refuses what its API would
refuse, and cuts a text into parts by the alphabet that the request names.
"""

import asyncio
import base64
import hashlib
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from vestnik.providers.base import Accepted, Deferred, Outcome, Rejected, account_refused
from vestnik.sandbox.http_server import Connection, Request

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
    #: Answers requests that hand over no message: for a token, or about a message.
    other: Callable[[Request], object] | None = None
    #: What `other` says of a message, and what it means.
    states: tuple[tuple[object, str], ...] = ()


class Gateway:
    """A vendor on a port: what it took, and what it answers next."""

    def __init__(self, vendor: Vendor) -> None:
        self._vendor = vendor
        self.taken: list[Sent] = []
        self.wrong: list[Wrong] = []
        self.next: list[Answer] = []
        self.said: object = None

    def handle(self, request: Request, connection: Connection) -> None:
        try:
            other = self._vendor.other(request) if self._vendor.other else None
            if other is not None:
                answer(connection, 200, other if self.said is None else self.said)
                return
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


# --- Kannel: doc/userguide/userguide.xml, gw/smsbox.c ---------------------------------------------


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

# --- Jasmin: docs.jasminsms.com, http-api ---------------------------------------------------------


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

# --- SMS Aero v2: the vendor's libraries in Python and PHP ----------------------------------------


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

# --- MTS Exolve: docs.exolve.ru -------------------------------------------------------------------


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

# --- MegaFon A2P: randomu3/megafone-api, rosteleset/SmartYard-Server ------------------------------


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

# --- SMS.ru: sms.ru/api/send, /api/status; answers are keyed by number ----------------------------


def smsru(request: Request) -> Sent:
    at(request, "POST", "/sms/send")
    fields = request.fields
    refused = {"status": "ERROR", "status_code": 200, "status_text": "api_id"}
    must(fields.get("api_id") == "key", 200, refused)
    must(fields.get("json") == "1" and 1 <= int(fields["ttl"]) <= 1440, 200, refused)
    return Sent(fields["to"], fields["msg"])


def smsru_says(number: str, one: Mapping[str, object]) -> dict[str, object]:
    return {"status": "OK", "status_code": 100, "sms": {number: one}, "balance": 4.1}


def smsru_status(request: Request) -> object:
    if request.path != "/sms/status":
        return None
    must(request.query.get("api_id") == "key" and request.query["sms_id"], 200, {})
    return smsru_says(request.query["sms_id"], {"status": "OK", "status_code": 103})


def smsru_refuses(code: int, text: str, means: Outcome) -> Answer:
    one = {"status": "ERROR", "status_code": code, "status_text": text}
    return Answer(200, smsru_says("79261234567", one), means)


SMSRU = Vendor(
    "smsru",
    smsru,
    lambda sent: Answer(
        200,
        smsru_says(
            sent.phone_number, {"status": "OK", "status_code": 100, "sms_id": "000-10000000"}
        ),
        Accepted("000-10000000"),
    ),
    (
        smsru_refuses(207, "no route", Rejected("207", "no route")),
        smsru_refuses(201, "no money", account_refused("201: no money")),
        smsru_refuses(220, "later", Deferred("220: later")),
        Answer(
            200,
            {"status": "ERROR", "status_code": 200, "status_text": "wrong api_id"},
            account_refused("200: wrong api_id"),
        ),
    ),
    other=smsru_status,
    states=(
        (smsru_says("000-1", {"status": "OK", "status_code": 103}), "delivered"),
        (smsru_says("000-1", {"status": "OK", "status_code": 104}), "undelivered"),
        (smsru_says("000-1", {"status": "OK", "status_code": 102}), "on its way"),
        ({"status": "ERROR", "status_code": 200}, "unknown"),
    ),
)

# --- Infobip: www.infobip.com/docs/api, send SMS; reports come in lists ---------------------------


def infobip(request: Request) -> Sent:
    at(request, "POST", "/sms/2/text/advanced")
    refused = {"requestError": {"serviceException": {"messageId": "UNAUTHORIZED"}}}
    must(request.headers.get("authorization") == "App key", 401, refused)
    (one,) = request.json()["messages"]
    (to,) = one["destinations"]
    must(1 <= one["validityPeriod"] <= 2880 and to["messageId"], 400, {})
    return Sent(to["to"], one["text"], our_id=to["messageId"])


def infobip_says(group: str, text: str, our_id: str = "1") -> dict[str, object]:
    status = {"groupName": group, "name": group, "description": text}
    return {"messages": [{"to": "79261234567", "status": status, "messageId": our_id}]}


def infobip_report(message: str, group: str) -> dict[str, object]:
    return {"messageId": message, "status": {"groupName": group}, "error": {"name": "EC_ABSENT"}}


INFOBIP = Vendor(
    "infobip",
    infobip,
    lambda sent: Answer(
        200, infobip_says("PENDING", "Message sent", sent.our_id), Accepted(sent.our_id)
    ),
    (
        Answer(
            200, infobip_says("REJECTED", "No route"), Rejected("REJECTED", "No route")
        ),
        Answer(401, {"requestError": {}}, account_refused("401")),
    ),
    (
        Notice(
            {"results": [infobip_report(n, g) for n, g in (
                ("1", "DELIVERED"), ("2", "PENDING"), ("3", "UNDELIVERABLE"), ("4", "EXPIRED")
            )]},
            query={"secret": "s"},
            receipts=(("delivered", "1"), ("undelivered", "3"), ("undelivered", "4")),
        ),
        Notice({"results": [infobip_report("1", "DELIVERED")]}, is_refused=True),
    ),
)  # fmt: skip

# --- OVH: github.com/ovh/python-ovh, api.ovh.com; requests are signed -----------------------------

OVH_URL = "https://eu.api.ovh.com/1.0/sms/sms-xx1-1/jobs"


def ovh(request: Request) -> Sent:
    at(request, "POST", "/1.0/sms/sms-xx1-1/jobs")
    stamp = request.headers["x-ovh-timestamp"]
    text = f"application-secret+consumer+POST+{OVH_URL}+{request.body.decode()}+{stamp}"
    right = "$1$" + hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
    is_signed = request.headers.get("x-ovh-signature") == right
    must(is_signed and abs(time.time() - int(stamp)) < 60, 403, {"message": "Invalid signature"})
    body = request.json()
    must(body["validityPeriod"] >= 1 and body["charset"] == "UTF-8", 400, {})
    (to,) = body["receivers"]
    alphabet = {"7bit": GSM_7, "8bit": UCS_2}[body["coding"]]
    return Sent(to.removeprefix("+"), body["message"], alphabet)


OVH = Vendor(
    "ovh",
    ovh,
    lambda sent: Answer(
        200,
        {"totalCreditsRemoved": 1, "invalidReceivers": [], "ids": [26929925],
         "validReceivers": [f"+{sent.phone_number}"]},
        Accepted("26929925"),
    ),
    (
        Answer(
            200,
            {"invalidReceivers": ["+79261234567"], "ids": [], "validReceivers": []},
            Rejected("invalidReceivers", "refused by the gateway"),
        ),
        Answer(
            403,
            {"message": "This credential is not valid"},
            account_refused("403: This credential is not valid", perhaps=True),
        ),
    ),
)  # fmt: skip

# --- Twilio: www.twilio.com/docs/messaging/api/message-resource -----------------------------------


def twilio(request: Request) -> Sent:
    at(request, "POST", "/2010-04-01/Accounts/AC1/Messages.json")
    must(basic(request, "AC1", "auth-token"), 401, {"code": 20003, "message": "Authenticate"})
    fields = request.fields
    must(1 <= int(fields["ValidityPeriod"]) <= 36_000, 400, {"code": 21609})
    must(fields["To"].startswith("+"), 400, {"code": 21211})
    return Sent(fields["To"].removeprefix("+"), fields["Body"])


def form(**fields: str) -> dict[str, Any]:
    return {
        "body": fields,
        "content_type": "application/x-www-form-urlencoded",
        "query": {"secret": "s"},
    }


TWILIO = Vendor(
    "twilio",
    twilio,
    lambda _: Answer(201, {"sid": "SM1", "status": "queued", "error_code": None}, Accepted("SM1")),
    (
        Answer(
            400,
            {"code": 21211, "message": "Invalid 'To' Phone Number", "status": 400},
            Rejected("HTTP 400", "Invalid 'To' Phone Number"),
        ),
        Answer(
            429,
            {"code": 20429, "message": "Too Many Requests"},
            Deferred("HTTP 429: Too Many Requests", 1.0, provider_wide=True),
        ),
        Answer(401, {"message": "Authenticate"}, account_refused("401: Authenticate")),
    ),
    (
        Notice(
            **form(MessageSid="SM1", MessageStatus="delivered"), receipts=(("delivered", "SM1"),)
        ),
        Notice(
            **form(MessageSid="SM1", MessageStatus="failed", ErrorCode="30003"),
            receipts=(("undelivered", "SM1"),),
        ),
        Notice(**form(MessageSid="SM1", MessageStatus="sent")),
        Notice(**form(MessageSid="SM2", From="+79261234567", Body="STOP"),
               inbound=(("79261234567", "STOP"),)),
    ),
)  # fmt: skip

# --- Plivo: www.plivo.com/docs/messaging/api/message ----------------------------------------------


def plivo(request: Request) -> Sent:
    at(request, "POST", "/v1/Account/MA1/Message/")
    must(basic(request, "MA1", "auth-token"), 401, {"error": "invalid"})
    body = request.json()
    return Sent(body["dst"], body["text"])


PLIVO = Vendor(
    "plivo",
    plivo,
    lambda _: Answer(
        202, {"message": "message(s) queued", "message_uuid": ["db3ce55a"]}, Accepted("db3ce55a")
    ),
    (
        Answer(
            400,
            {"error": "dst parameter not present"},
            Rejected("HTTP 400", "dst parameter not present"),
        ),
    ),
    (
        Notice(
            **form(MessageUUID="db3ce55a", Status="rejected", ErrorCode="300"),
            receipts=(("undelivered", "db3ce55a"),),
        ),
    ),
)

# --- MessageBird: developers.messagebird.com/api/sms-messaging ------------------------------------


def messagebird(request: Request) -> Sent:
    at(request, "POST", "/messages")
    refused = {"errors": [{"code": 2, "description": "Request not allowed"}]}
    must(request.headers.get("authorization") == "AccessKey key", 401, refused)
    body = request.json()
    (to,) = body["recipients"]
    must(isinstance(to, int) and body["validity"] >= 1, 422, {})
    alphabet = {"plain": GSM_7, "unicode": UCS_2}[body["datacoding"]]
    return Sent(str(to), body["body"], alphabet, body["reference"])


MESSAGEBIRD = Vendor(
    "messagebird",
    messagebird,
    lambda _: Answer(201, {"id": "e8077d80", "recipients": {}}, Accepted("e8077d80")),
    (
        Answer(
            422,
            {"errors": [{"code": 21, "description": "Bad request", "parameter": "originator"}]},
            Rejected("HTTP 422", "Bad request"),
        ),
    ),
    (
        Notice(
            query={"secret": "s", "id": "e8077d80", "reference": "5", "status": "delivery_failed"},
            receipts=(("undelivered", "e8077d80"),),
        ),
        Notice(query={"secret": "s", "id": "e8077d80", "reference": "5", "status": "buffered"}),
    ),
)

# --- Clickatell: docs.clickatell.com, Platform API ------------------------------------------------


def clickatell(request: Request) -> Sent:
    at(request, "POST", "/messages")
    must(request.headers.get("authorization") == "key", 401, {"error": {"description": "key"}})
    body = request.json()
    (to,) = body["to"]
    return Sent(to, body["content"], our_id=body["clientMessageId"])


CLICKATELL = Vendor(
    "clickatell",
    clickatell,
    lambda _: Answer(
        202, {"messages": [{"apiMessageId": "77", "accepted": True, "error": None}]}, Accepted("77")
    ),
    (
        Answer(
            202,
            {"messages": [{"accepted": False, "error": {"description": "Invalid destination"}}]},
            Rejected("false", "Invalid destination"),
        ),
    ),
)

# --- SMS Traffic: its HTTP interface, by public clients; answers in XML ---------------------------


def smstraffic(request: Request) -> Sent:
    at(request, "POST", "/multi.php")
    fields = request.fields
    refused = "<reply><result>ERROR</result><code>401</code></reply>"
    must((fields["login"], fields["password"]) == ("u", "p"), 200, refused)
    must(fields["rus"] == "5" and fields["want_sms_ids"] == "1", 200, refused)
    return Sent(fields["phones"], fields["message"])


def smstraffic_says(code: int, text: str, rest: str = "") -> str:
    result = "ERROR" if code else "OK"
    return (
        f'<?xml version="1.0"?><reply><result>{result}</result><code>{code}</code>'
        f"<description>{text}</description>{rest}</reply>"
    )


SMSTRAFFIC = Vendor(
    "smstraffic",
    smstraffic,
    lambda _: Answer(
        200,
        smstraffic_says(
            0, "queued 1 messages", "<message_infos><sms_id>1000472891</sms_id></message_infos>"
        ),
        Accepted("1000472891"),
    ),
    (
        Answer(200, smstraffic_says(411, "wrong originator"), Rejected("411", "wrong originator")),
        Answer(200, smstraffic_says(401, "bad login"), account_refused("401: bad login")),
    ),
)

# --- Orange: developer.orange.com/apis/sms; tokens by OAuth ---------------------------------------


def orange(request: Request) -> Sent:
    at(request, "POST", "/smsmessaging/v1/outbound/tel%3A%2B2250000/requests")
    expired = {"code": 42, "message": "Expired credentials"}
    must(request.headers.get("authorization") == "Bearer token-1", 401, expired)
    body = request.json()["outboundSMSMessageRequest"]
    must(body["senderAddress"] == "tel:+2250000", 400, {})
    return Sent(body["address"].removeprefix("tel:+"), body["outboundSMSTextMessage"]["message"])


def orange_token(request: Request) -> object:
    if request.path != "/oauth/v3/token":
        return None
    must(basic(request, "client", "client-secret"), 401, {"error": "invalid_client"})
    must(request.fields.get("grant_type") == "client_credentials", 400, {"error": "grant"})
    return {"token_type": "Bearer", "access_token": "token-1", "expires_in": 3600}


ORANGE_ID = "8f9a-1"
ORANGE = Vendor(
    "orange",
    orange,
    lambda _: Answer(
        201,
        {"outboundSMSMessageRequest": {"resourceURL": f"https://x/outbound/requests/{ORANGE_ID}"}},
        Accepted(ORANGE_ID),
    ),
    (),
    (
        Notice(
            {"deliveryInfoNotification": {
                "callbackData": ORANGE_ID,
                "deliveryInfo": {"address": "tel:+7", "deliveryStatus": "DeliveredToTerminal"},
            }},
            query={"secret": "s"},
            receipts=(("delivered", ORANGE_ID),),
        ),
    ),
    other=orange_token,
)  # fmt: skip

# --- ClickSend: developers.clicksend.com ----------------------------------------------------------


def clicksend(request: Request) -> Sent:
    at(request, "POST", "/v3/sms/send")
    must(basic(request, "u", "p"), 401, {"response_msg": "Authorization failed."})
    (one,) = request.json()["messages"]
    return Sent(one["to"].removeprefix("+"), one["body"], our_id=one["custom_string"])


def clicksend_says(status: str) -> dict[str, object]:
    one = {"status": status, "message_id": "BF7AD270"}
    return {"http_code": 200, "response_msg": "Queued", "data": {"messages": [one]}}


CLICKSEND = Vendor(
    "clicksend",
    clicksend,
    lambda _: Answer(200, clicksend_says("SUCCESS"), Accepted("BF7AD270")),
    (
        Answer(200, clicksend_says("INVALID_RECIPIENT"), Rejected("INVALID_RECIPIENT", "Queued")),
        Answer(
            200,
            clicksend_says("INSUFFICIENT_CREDIT"),
            account_refused("INSUFFICIENT_CREDIT: Queued"),
        ),
    ),
    (
        Notice(
            **form(message_id="BF7AD270", status="Delivered", custom_string="5"),
            receipts=(("delivered", "BF7AD270"),),
        ),
    ),
)

VENDORS = {
    vendor.alias: vendor
    for vendor in (
        KANNEL, JASMIN, AERO, EXOLVE, MEGAFON, SMSRU, INFOBIP, OVH, TWILIO, PLIVO, MESSAGEBIRD,
        CLICKATELL, SMSTRAFFIC, ORANGE, CLICKSEND,
    )
}  # fmt: skip
