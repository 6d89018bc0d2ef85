"""Builds the `submit_sm` PDUs of a message."""

import itertools
import random
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import smpp34

from vestnik.providers.base import OutboundMessage
from vestnik.providers.errors import OptionError
from vestnik.providers.options import Options
from vestnik.providers.smpp import wire
from vestnik.providers.smpp.coding import (
    ROOM_BESIDE_8_BIT,
    ROOM_BESIDE_16_BIT,
    Coding,
    sender_kind,
)

#: How a long text is split: the room beside the header, and the range of its reference. SMSCs turn
#: `sar` into a header, one of 16 bits if the reference is above 255.
LONG = {
    "udh8": (ROOM_BESIDE_8_BIT, 256),
    "udh16": (ROOM_BESIDE_16_BIT, 65_536),
    "sar": (ROOM_BESIDE_8_BIT, 256),
    "payload": (ROOM_BESIDE_8_BIT, 1),
}
#: The number of parts is one octet in the header.
MOST_PARTS = 255
#: Seconds. More than 30 days may not be parsed, and SMSCs keep no message for longer anyway.
LONGEST_VALIDITY = 30 * 86_400

#: Builds the octets of a PDU for a sequence number.
Submit = Callable[[int], bytes]


class PduBuilder:
    """Builds PDUs as the options of one connection say."""

    def __init__(self, options: Options, sender: str) -> None:
        self._long = options.choice("long_messages", "udh8", list(LONG))
        room, references = LONG[self._long]
        self.coding = Coding(options, room)
        # Most mailings send the same text to all clients, so results are cached.
        self._encode = lru_cache(maxsize=256)(self.coding.encode)
        # References start at random: another worker, or the previous process, counts from
        # elsewhere, so that a phone does not join parts of two messages.
        self._numbers = itertools.count(random.randrange(references))  # noqa: S311  (no secret)
        self._references = references
        self._sender = sender
        self._fields = self._constant(options, sender)

    @property
    def requests_receipts(self) -> bool:
        """Whether receipts are requested: the lowest two bits of `registered_delivery` (5.2.17)."""
        return bool(self._fields["registered_delivery"] & 3)

    def build(self, message: OutboundMessage) -> list[Submit]:
        """Return one PDU per part. Raises ValueError if the text needs more than 255 parts."""
        coded = self._encode(message.text)
        fields = self._fields | {
            "destination_addr": message.phone_number,
            "data_coding": coded.data_coding,
        }
        parts = coded.parts
        if len(parts) == 1:
            return [_submit(message, fields, parts[0])]
        if self._long == "payload":
            return [_payload(message, fields, b"".join(parts))]
        if len(parts) > MOST_PARTS:
            raise ValueError("the text is too long")
        return self._cut(message, fields, parts)

    def _cut(
        self, message: OutboundMessage, fields: dict[str, Any], parts: Sequence[bytes]
    ) -> list[Submit]:
        reference, total = next(self._numbers) % self._references, len(parts)
        if self._long == "sar":
            return [
                _submit(message, fields | {"tlvs": _sar(reference, total, number)}, part)
                for number, part in enumerate(parts, 1)
            ]
        header = (b"\x05\x00\x03" if self._long == "udh8" else b"\x06\x08\x04") + (
            reference.to_bytes(1 if self._long == "udh8" else 2, "big")
        )
        # The user data header indicator (SMPP 3.4, 5.2.12).
        fields = fields | {"esm_class": fields["esm_class"] | wire.UDH_INDICATOR}
        return [
            _submit(message, fields, header + bytes([total, number]) + part)
            for number, part in enumerate(parts, 1)
        ]

    @staticmethod
    def _constant(options: Options, sender: str) -> dict[str, Any]:
        """Return the fields that are the same in every PDU."""
        ton, npi = sender_kind(sender)
        return {
            "source_addr": sender,
            "source_addr_ton": options.whole("source_ton", ton, most=255),
            "source_addr_npi": options.whole("source_npi", npi, most=255),
            "dest_addr_ton": options.whole("destination_ton", 1, most=255),
            "dest_addr_npi": options.whole("destination_npi", 1, most=255),
            "service_type": _ascii(options, "service_type", 5),
            "esm_class": options.whole("esm_class", 0, most=255),
            "registered_delivery": options.whole("registered_delivery", 1, most=255),
            "priority_flag": options.whole("priority", 0, most=3),
        }


@lru_cache(maxsize=16)
def relative(seconds: int) -> str:
    """Return a relative validity period (spec 7.1.1.2): `YYMMDDhhmmss000R`.

    Years and months are always 0, since their length varies.
    """
    seconds = min(max(seconds, 1), LONGEST_VALIDITY)
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    day, hour = divmod(hours, 24)
    return f"0000{day:02}{hour:02}{minute:02}{second:02}000R"


def _submit(message: OutboundMessage, fields: dict[str, Any], short_message: bytes) -> Submit:
    """Return a builder of one `submit_sm`."""
    # Counted from the last instant at which the message may leave: a resent part, or one of a
    # process that was suspended, must not promise more.
    validity = relative(int(message.expires_at - message.depart_before))
    return lambda sequence: smpp34.SubmitSm(
        short_message=short_message,
        validity_period=validity,
        sequence_number=sequence,
        **fields,
    ).encode()


def _payload(message: OutboundMessage, fields: dict[str, Any], octets: bytes) -> Submit:
    tlvs = [smpp34.Tlv(wire.MESSAGE_PAYLOAD, octets)]
    return _submit(message, fields | {"tlvs": tlvs}, b"")


def _sar(reference: int, total: int, number: int) -> list[smpp34.Tlv]:
    return [
        smpp34.Tlv(wire.SAR_REFERENCE, reference.to_bytes(2, "big")),
        smpp34.Tlv(wire.SAR_TOTAL, bytes([total])),
        smpp34.Tlv(wire.SAR_NUMBER, bytes([number])),
    ]


def _ascii(options: Options, name: str, longest: int) -> str:
    text = options.text(name, "")
    if not text.isascii() or len(text) > longest:
        raise OptionError(name, f"must be at most {longest} ASCII characters")
    return text
