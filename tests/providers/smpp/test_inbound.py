"""What clients write by SMPP: read by every group of `data_coding`, whole or not at all."""

import pytest
import smpp34

from tests.providers.smpp.test_receipts import hear
from vestnik.providers.base import Inbound
from vestnik.providers.options import Options
from vestnik.providers.smpp import wire
from vestnik.providers.smpp.coding import Coding, codec_of
from vestnik.providers.smpp.data_sm import as_deliver_sm

GSM, LATIN, UCS_2 = None, "latin-1", "utf-16-be"
#: 3GPP TS 23.038, 4, but for 0x00 to 0x0F: SMPP 3.4, 5.2.19.
GROUPS: dict[int, str | None] = {
    0x00: GSM, 0x01: "ascii", 0x02: LATIN, 0x03: LATIN, 0x04: LATIN, 0x05: "shift_jis",
    0x06: "iso8859-5", 0x07: "iso8859-8", 0x08: UCS_2, 0x09: GSM, 0x0A: "iso2022_jp", 0x0B: GSM,
    0x0C: GSM, 0x0D: "iso2022_jp_1", 0x0E: "euc_kr", 0x0F: GSM,
    0x10: GSM, 0x11: GSM, 0x13: GSM, 0x14: LATIN, 0x17: LATIN, 0x18: UCS_2, 0x19: UCS_2,
    0x1A: UCS_2, 0x1B: UCS_2, 0x1C: GSM, 0x20: GSM, 0x24: LATIN, 0x28: UCS_2, 0x38: UCS_2,
    0x40: GSM, 0x44: LATIN, 0x48: UCS_2, 0x4B: UCS_2, 0x4F: GSM, 0x58: UCS_2, 0x78: UCS_2,
    0x80: GSM, 0x88: GSM, 0x98: GSM, 0xA8: GSM, 0xB8: GSM,
    0xC0: GSM, 0xC8: GSM, 0xD8: GSM, 0xE0: UCS_2, 0xE8: UCS_2,
    0xF0: GSM, 0xF3: GSM, 0xF4: LATIN, 0xF7: LATIN, 0xF8: GSM, 0xFC: LATIN,
}  # fmt: skip


@pytest.mark.parametrize(("data_coding", "codec"), GROUPS.items())
def test_a_data_coding_says_which_alphabet(data_coding: int, codec: str | None) -> None:
    assert codec_of(data_coding) == codec


@pytest.mark.parametrize("data_coding", [code for code, codec in GROUPS.items() if codec == UCS_2])
def test_a_stop_in_ucs_2_is_read_in_every_group(data_coding: int) -> None:
    heard = hear(octets="Стоп".encode("utf-16-be"), esm_class=0, data_coding=data_coding)
    assert isinstance(heard, Inbound)
    assert heard.text == "Стоп"


@pytest.mark.parametrize(
    ("options", "data_coding", "octets", "text"),
    [
        ({"ucs2_data_coding": "25"}, 25, "Стоп".encode("utf-16-be"), "Стоп"),
        ({"ucs2_data_coding": "5"}, 5, "Стоп".encode("utf-16-be"), "Стоп"),
        ({"default_alphabet": "cp1251"}, 0, "Стоп".encode("cp1251"), "Стоп"),
        (
            {"default_alphabet": "cp1251", "default_data_coding": "3"},
            3,
            "Стоп".encode("cp1251"),
            "Стоп",
        ),
        ({}, 8, b"\xff\xfe" + "Стоп".encode("utf-16-le"), "Стоп"),
        ({}, 8, b"\xfe\xff" + "Стоп".encode("utf-16-be"), "Стоп"),
        ({}, 0xF4, b"STOP", "STOP"),
    ],
)
def test_what_the_options_say_of_an_alphabet_goes_for_both_ways(
    options: dict[str, object], data_coding: int, octets: bytes, text: str
) -> None:
    assert Coding(Options(options), (153, 134)).decode(octets, data_coding) == text


STOP = "стоп, а вот и остаток".encode("utf-16-be")


@pytest.mark.parametrize(
    ("octets", "esm_class", "tlvs", "is_heard"),
    [
        (b"\x05\x00\x03\x01\x02\x01" + STOP, 0x40, {}, True),
        (b"\x05\x00\x03\x01\x02\x02" + STOP, 0x40, {}, False),
        (b"\x06\x08\x04\x01\x01\x03\x03" + STOP, 0x40, {}, False),
        (b"\x06\x08\x04\x01\x01\x03\x01" + STOP, 0x40, {}, True),
        # Another element before the one that counts, and one that counts nothing.
        (b"\x09\x24\x02\x01\x01\x00\x03\x01\x02\x02" + STOP, 0x40, {}, False),
        (b"\x04\x24\x02\x01\x01" + STOP, 0x40, {}, True),
        (STOP, 0, {0x020C: b"\0\1", 0x020E: b"\2", 0x020F: b"\2"}, False),
        (STOP, 0, {0x020C: b"\0\1", 0x020E: b"\2", 0x020F: b"\1"}, True),
        (b"\x05\x00\x03", 0x40, {}, True),  # a header that breaks off
    ],
)
def test_a_later_part_of_a_long_text_is_no_text_of_its_own(
    octets: bytes, esm_class: int, tlvs: dict[int, bytes], is_heard: bool
) -> None:
    heard = hear(octets=octets, esm_class=esm_class, data_coding=8, tlvs=tlvs)
    assert isinstance(heard, Inbound) is is_heard


def packed(body: bytes) -> bytes:
    return wire.pdu(wire.DATA_SM, 0, 9, body)


def test_a_data_sm_says_what_a_deliver_sm_says() -> None:
    text = "Стоп".encode("utf-16-be")
    tlv = b"\x04\x24" + len(text).to_bytes(2, "big") + text
    pdu = as_deliver_sm(packed(b"\0\x01\x0179261234567\0\x05\0Vestnik\0\0\0\x08" + tlv))
    assert (pdu.source_addr, pdu.destination_addr, pdu.data_coding) == (
        "79261234567",
        "Vestnik",
        8,
    )
    assert [(t.tag, t.value) for t in pdu.tlvs] == [(0x0424, text)]
    assert pdu.sequence_number == 9


@pytest.mark.parametrize("body", [b"", b"\0", b"\0\x01\x01792", b"\0\x01\x01792\0\x05\0V\0\0"])
def test_a_data_sm_that_breaks_off_is_refused(body: bytes) -> None:
    with pytest.raises(smpp34.SmppError):
        as_deliver_sm(packed(body))
