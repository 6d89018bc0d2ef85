"""Parses a `deliver_sm` as a receipt or an inbound message.

The text of a receipt is only a recommendation (SMPP 3.4, appendix B). SMSCs send dates of 10, 12 or
14 digits without a zone, `Text:` in any case, UUIDs as ids, letters in `err`, incomplete fields,
the text in `message_payload`, or TLVs instead of a text. So TLVs have precedence, and each field of
the text is searched for on its own.
"""

import logging
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import smpp34

from vestnik.providers.base import PROVIDER_ID_LENGTH, Inbound, Receipt, ReceiptState
from vestnik.providers.events import normalize_sender
from vestnik.providers.options import Options
from vestnik.providers.receipt_reasons import reason_of_receipt
from vestnik.providers.smpp import wire
from vestnik.providers.smpp.coding import Coding, codec_of, from_utf_16

log = logging.getLogger(__name__)

# Bits 5 to 2 of esm_class are the type of the message (SMPP 3.4, 5.2.12).
TYPE_MASK, SMSC_RECEIPT = 0x3C, 0x04
#: The type of number (TON) that begins with a country code.
INTERNATIONAL = 1
#: Only final states count. Kannel treats ACCEPTD (6) as intermediate and UNKNOWN (7) as failed;
#: Jasmin waits after UNKNOWN.
BY_NUMBER: Mapping[int, tuple[str, ReceiptState]] = {
    2: ("DELIVRD", "delivered"),
    3: ("EXPIRED", "undelivered"),
    4: ("DELETED", "undelivered"),
    5: ("UNDELIV", "undelivered"),
    8: ("REJECTD", "undelivered"),
}
BY_WORD: Mapping[str, ReceiptState] = {
    **dict(BY_NUMBER.values()),
    # Variants that SMSCs use.
    "DELIVERED": "delivered",
    "UNDELIVERED": "undelivered",
    "UNDELIVERABLE": "undelivered",
    "REJECTED": "undelivered",
    "FAILED": "undelivered",
}
#: Known states that are not final.
UNDER_WAY = frozenset(
    {"ENROUTE", "ACCEPTD", "ACCEPTED", "UNKNOWN", "BUFFRED", "BUFFERD", "BUFFERED", "SCHEDULED"}
    | {"SKIPPED", "ACKED"}
)
UNDER_WAY_BY_NUMBER = {0: "SCHEDULED", 1: "ENROUTE", 6: "ACCEPTD", 7: "UNKNOWN", 9: "SKIPPED"}
#: The fields of appendix B; an empty field is followed by the next name.
NAMES = r"(?:id|sub|dlvrd|submit date|done date|stat|err|text):"
FIELD = {
    name: re.compile(rf"(?:^|[\s\0]){name}:\s?(?!{NAMES})([^\s\0]+)", re.IGNORECASE)
    for name in ("id", "stat", "err")
}
#: After this field follows the text that we sent.
OUR_TEXT = re.compile(r"(?:^|[\s\0])text:", re.IGNORECASE)
#: Control characters other than tabs and line ends; PostgreSQL does not store NUL.
CONTROLS = dict.fromkeys({*range(0x20), *range(0x7F, 0xA0)} - {*b"\t\n\r"})

Normal = Callable[[str], str]


def printable(word: str) -> str:
    """Return the word without characters that cannot be printed or stored."""
    return word if word.isprintable() else "".join(filter(str.isprintable, word))


def as_written(number: str) -> str:
    return printable(number).strip()


def _in_base(base: int) -> Normal:
    """Return a normaliser for numbers of this base."""

    def normal(number: str) -> str:
        """Return the number without padding, in lower case; other text as it is."""
        try:
            return str(int(as_written(number), base))
        except ValueError:
            return as_written(number)

    return normal


#: The configured forms of ids. They are never guessed per message, since a hexadecimal id may
#: consist of digits only.
IDS: Mapping[str, Normal] = {"text": as_written, "decimal": _in_base(10), "hex": _in_base(16)}


class DeliverSmParser:
    """Parses what one SMSC delivers."""

    def __init__(self, alias: str, options: Options, coding: Coding) -> None:
        self._alias, self._coding = alias, coding
        self.answered_id = IDS[options.choice("answer_ids", "text", list(IDS))]
        self._receipted_id = IDS[options.choice("receipt_ids", "text", list(IDS))]

    def parse(self, pdu: smpp34.DeliverSm) -> Receipt | Inbound | None:
        """Return the event; None for a state that is not final, or a user's acknowledgement."""
        tlvs = {tlv.tag: tlv.value for tlv in pdu.tlvs}
        kind = pdu.esm_class & TYPE_MASK
        if kind == SMSC_RECEIPT or wire.RECEIPTED_MESSAGE_ID in tlvs:
            return self._receipt(pdu, tlvs)
        if kind:
            return None
        octets = pdu.short_message or tlvs.get(wire.MESSAGE_PAYLOAD, b"")
        if part_number(octets, pdu.esm_class, tlvs) > 1:
            log.info("a later part of a long text is acknowledged and ignored")
            return None
        return self._inbound(pdu, tlvs)

    def _receipt(self, pdu: smpp34.DeliverSm, tlvs: Mapping[int, bytes]) -> Receipt | None:
        text = self._fields(pdu, tlvs)
        id_text = _c_string(tlvs.get(wire.RECEIPTED_MESSAGE_ID)) or _field("id", text)
        provider_id = self._receipted_id(id_text)[:PROVIDER_ID_LENGTH]
        word, state = _state(tlvs.get(wire.MESSAGE_STATE), _field("stat", text))
        if not provider_id or state is None:
            if not provider_id or word not in UNDER_WAY:
                log.warning("a receipt is ignored: state %r, id %r", word[:20], provider_id)
            return None
        error = _network_error(tlvs.get(wire.NETWORK_ERROR_CODE)) or _field("err", text)
        return Receipt(
            self._alias,
            state,
            datetime.now(UTC),
            provider_id=provider_id,
            error="" if state == "delivered" else reason_of_receipt(word, error[:200]),
        )

    def _fields(self, pdu: smpp34.DeliverSm, tlvs: Mapping[int, bytes]) -> str:
        """Return the text of a receipt without the beginning of our own text, which it repeats."""
        octets = _octets(pdu, tlvs)
        wide = codec_of(pdu.data_coding) == "utf-16-be" and b"\0" in octets[:2]
        text = from_utf_16(octets) if wide else octets.decode("latin-1")
        return OUR_TEXT.split(text, maxsplit=1)[0]

    def _inbound(self, pdu: smpp34.DeliverSm, tlvs: Mapping[int, bytes]) -> Inbound | None:
        phone_number = normalize_sender(
            pdu.source_addr, international=pdu.source_addr_ton == INTERNATIONAL
        )
        text = self._coding.decode(_octets(pdu, tlvs), pdu.data_coding)
        at = datetime.now(UTC)
        if not phone_number:
            return None
        return Inbound(self._alias, phone_number, text.translate(CONTROLS), at)


def part_number(octets: bytes, esm_class: int, tlvs: Mapping[int, bytes]) -> int:
    """Return which part of a long text this is; 1 if it is complete.

    The elements of a header are read one by one (3GPP TS 23.040, 9.2.3.24): 0 and 8 are
    concatenation.
    """
    if not esm_class & wire.UDH_INDICATOR:
        number = tlvs.get(wire.SAR_NUMBER)
        return number[0] if number else 1
    header = octets[1 : 1 + octets[0]] if octets else b""
    while len(header) >= 2:
        kind, length = header[0], header[1]
        if (kind, length) in ((0, 3), (8, 4)) and len(header) >= 2 + length:
            return header[1 + length]
        header = header[2 + length :]
    return 1


def _octets(pdu: smpp34.DeliverSm, tlvs: Mapping[int, bytes]) -> bytes:
    """Return the octets of the text without a user data header, from whichever field has them."""
    octets = pdu.short_message or tlvs.get(wire.MESSAGE_PAYLOAD, b"")
    headed = pdu.esm_class & wire.UDH_INDICATOR and octets
    return octets[octets[0] + 1 :] if headed else octets


def _state(tlv: bytes | None, stat: str) -> tuple[str, ReceiptState | None]:
    if tlv:
        return BY_NUMBER.get(tlv[0], (UNDER_WAY_BY_NUMBER.get(tlv[0], str(tlv[0])), None))
    word = stat.upper()
    return word, BY_WORD.get(word)


def _field(name: str, text: str) -> str:
    match = FIELD[name].search(text)
    return printable(match[1]) if match else ""


def _c_string(value: bytes | None) -> str:
    return wire.first_string(value) if value else ""


def _network_error(value: bytes | None) -> str:
    """Return the network's error code; the first of three octets is its type (spec 5.3.2.31)."""
    return str(int.from_bytes(value[1:3], "big")) if value and len(value) == 3 else ""
