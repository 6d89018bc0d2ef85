"""A `data_sm`, converted to a `deliver_sm`, so that one parser reads both."""

from typing import cast

import smpp34

from vestnik.providers.smpp import wire


def as_deliver_sm(pdu: bytes) -> smpp34.DeliverSm:
    """Convert a `data_sm` to an equivalent `deliver_sm` (spec 4.7.1); its text is a parameter.

    Raises SmppError.
    """
    words, rest = [], pdu[wire.HEADER.size :]
    service_type, _, rest = rest.partition(b"\0")
    for _ in ("source", "destination"):
        address, end, after = rest[2:].partition(b"\0")
        if not end:
            raise smpp34.SmppError("a data_sm without its addresses")
        words.append((rest[:2], address))
        rest = after
    if len(rest) < 3:
        raise smpp34.SmppError("a data_sm without its fields")
    (source_kind, source), (to_kind, to) = words
    body = service_type + b"\0" + source_kind + source + b"\0" + to_kind + to + b"\0"
    # esm_class; protocol_id and priority; no times; registered_delivery, replace_if_present,
    # data_coding, sm_default_msg_id; an empty short_message.
    body += rest[:1] + b"\0\0" + b"\0\0" + rest[1:2] + b"\0" + rest[2:3] + b"\0\0" + rest[3:]
    sequence = wire.HEADER.unpack_from(pdu)[3]
    return cast(smpp34.DeliverSm, smpp34.decode(wire.pdu(wire.DELIVER_SM, 0, sequence, body)))
