"""Joins the parts of long messages, as a handset does."""

from dataclasses import dataclass

import smpp34

from vestnik.providers import gsm_alphabet
from vestnik.providers.smpp import wire


@dataclass(frozen=True, slots=True)
class Submitted:
    """One part of a message as it was received."""

    source: str
    destination: str
    octets: bytes
    data_coding: int
    validity: str
    registered: bool
    reference: int = 0
    number: int = 1
    total: int = 1

    @property
    def text(self) -> str:
        return decoded(self.octets, self.data_coding)


class Assembly:
    """Keeps the parts of a message until it is complete."""

    def __init__(self) -> None:
        self.waiting: dict[tuple[str, str, int, int], dict[int, bytes]] = {}

    def add(self, part: Submitted) -> str | None:
        """Add a part; return the whole text if the message is complete, otherwise None."""
        key = (part.source, part.destination, part.reference, part.total)
        parts = self.waiting.setdefault(key, {})
        parts[part.number] = part.octets
        if len(parts) < part.total:
            return None
        del self.waiting[key]
        return decoded(b"".join(parts[n] for n in sorted(parts)), part.data_coding)


def submitted(pdu: smpp34.SubmitSm) -> Submitted:
    """Parse a `submit_sm`: the payload, and the concatenation by user data header or `sar_*`."""
    tlvs = {tlv.tag: tlv.value for tlv in pdu.tlvs}
    octets = tlvs.get(wire.MESSAGE_PAYLOAD, pdu.short_message)
    reference, number, total = 0, 1, 1
    if pdu.esm_class & wire.UDH_INDICATOR:
        reference, number, total, octets = _header(octets)
    elif wire.SAR_REFERENCE in tlvs:
        reference = int.from_bytes(tlvs[wire.SAR_REFERENCE], "big")
        number = tlvs[wire.SAR_NUMBER][0]
        total = tlvs[wire.SAR_TOTAL][0]
    return Submitted(
        pdu.source_addr,
        pdu.destination_addr,
        octets,
        pdu.data_coding,
        pdu.validity_period,
        bool(pdu.registered_delivery & 3),
        reference,
        number,
        total,
    )


def _header(octets: bytes) -> tuple[int, int, int, bytes]:
    """Parse a user data header: reference, number, total, and the octets after it.

    3GPP TS 23.040, 9.2.3.24.1 and .8: `05 00 03 rr tt nn` or `06 08 04 rr rr tt nn`.
    """
    length, kind = octets[0], octets[1]
    reference = octets[3:5] if kind == 8 else octets[3:4]
    total, number = octets[length - 1], octets[length]
    return int.from_bytes(reference, "big"), number, total, octets[length + 1 :]


def decoded(octets: bytes, data_coding: int) -> str:
    if data_coding == 8:
        return octets.decode("utf-16-be", "replace")
    return gsm_alphabet.decode(octets) if data_coding == 0 else octets.decode("latin-1")
