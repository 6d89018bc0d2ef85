"""SMPP 3.4 on the wire: the header, and the commands and tags in use (spec, chapter 5)."""

import struct

#: command_length, command_id, command_status, sequence_number
HEADER = struct.Struct(">IIII")
#: Octets. No PDU of an SMSC is longer; more is not SMPP.
LONGEST_PDU = 65_536

#: The bit of command_id that marks a response.
ANSWER = 0x80000000
GENERIC_NACK = 0x80000000
BIND_RECEIVER, BIND_TRANSMITTER, BIND_TRANSCEIVER = 0x01, 0x02, 0x09
SUBMIT_SM, DELIVER_SM, UNBIND, ENQUIRE_LINK = 0x04, 0x05, 0x06, 0x15
ALERT_NOTIFICATION, DATA_SM = 0x102, 0x103

SAR_REFERENCE, SAR_TOTAL, SAR_NUMBER = 0x020C, 0x020E, 0x020F
MESSAGE_PAYLOAD = 0x0424
RECEIPTED_MESSAGE_ID, MESSAGE_STATE, NETWORK_ERROR_CODE = 0x001E, 0x0427, 0x0423

UDH_INDICATOR = 0x40


def pdu(command: int, status: int, sequence: int, body: bytes = b"") -> bytes:
    return HEADER.pack(HEADER.size + len(body), command, status, sequence) + body


def c_string(text: str) -> bytes:
    return text.encode("ascii") + b"\0"


def first_string(body: bytes) -> str:
    """Return the C-octet string at the start of a body; some peers omit its final NUL."""
    return body.split(b"\0", 1)[0].decode("latin-1")
