"""Texts into octets and parts: nothing split, nothing lost, as many as are billed."""

import time
from typing import Any

import pytest
import smpp34
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.gateways.builders import outgoing
from vestnik.mailings.text import segments_of
from vestnik.providers import gsm_alphabet
from vestnik.providers.errors import OptionError
from vestnik.providers.options import Options
from vestnik.providers.smpp.coding import Coding
from vestnik.providers.smpp.pdu_builder import PduBuilder, relative
from vestnik.sandbox.smpp_parts import Assembly, submitted

TEXTS = st.text(st.sampled_from("abc @€[]^Привет😀é\n~"), max_size=700)
WAYS = ("udh8", "udh16", "sar", "payload")


def composer(sender: str = "Vestnik", **options: str) -> PduBuilder:
    return PduBuilder(Options(options), sender)


def pdus(text: str, **options: str) -> list[smpp34.SubmitSm]:
    made = composer(**options).build(outgoing(1, text))
    found = [smpp34.decode(make(number)) for number, make in enumerate(made, 1)]
    assert all(isinstance(pdu, smpp34.SubmitSm) for pdu in found)
    return found


@settings(deadline=None, max_examples=60)
@given(text=TEXTS, way=st.sampled_from(WAYS))
def test_a_text_arrives_to_the_letter_whichever_way_it_is_cut(text: str, way: str) -> None:
    assembly = Assembly()
    whole = [assembly.add(submitted(pdu)) for pdu in pdus(text, long_messages=way)]
    assert whole[-1] == text
    assert set(whole[:-1]) <= {None}


@settings(deadline=None, max_examples=60)
@given(text=TEXTS)
def test_there_are_as_many_parts_as_segments_are_billed(text: str) -> None:
    for options in ({}, {"long_messages": "udh8"}, {"long_messages": "sar"}):
        assert len(pdus(text, **options)) == segments_of(text)


@pytest.mark.parametrize(("text", "parts"), [("a" * 306, 2), ("я" * 134, 2), ("я" * 135, 3)])
def test_at_the_edge_the_default_needs_no_part_more_than_is_billed(text: str, parts: int) -> None:
    assert len(pdus(text)) == segments_of(text) == parts
    assert len(pdus(text, long_messages="udh16")) == 3


@settings(deadline=None, max_examples=60)
@given(text=TEXTS, way=st.sampled_from(WAYS[:3]))
def test_every_part_can_be_read_by_itself(text: str, way: str) -> None:
    """So no surrogate pair and no escaped letter is split."""
    for pdu in pdus(text, long_messages=way):
        assert "\ufffd" not in submitted(pdu).text
        assert len(pdu.short_message) <= (140 if pdu.data_coding else 160)


def test_the_alphabet_is_the_one_of_3gpp_ts_23_038() -> None:
    assert len(gsm_alphabet.BASIC) == 128
    assert len(gsm_alphabet.LETTERS) == 127 + 10
    assert all(
        gsm_alphabet.decode(gsm_alphabet.encode_letter(letter)) == letter
        for letter in gsm_alphabet.LETTERS
    )


@pytest.mark.parametrize(
    ("way", "start", "esm_class", "tags"),
    [
        ("udh8", b"\x05\x00\x03", 0x40, []),
        ("udh16", b"\x06\x08\x04", 0x40, []),
        ("sar", b"", 0, [0x020C, 0x020E, 0x020F]),
    ],
)
def test_parts_are_marked_as_configured(
    way: str, start: bytes, esm_class: int, tags: list[int]
) -> None:
    parts = pdus("я" * 100, long_messages=way)
    assert len(parts) == 2
    for pdu in parts:
        assert pdu.short_message.startswith(start)
        assert pdu.esm_class == esm_class
        assert [tlv.tag for tlv in pdu.tlvs] == tags


def test_a_payload_stands_in_its_own_parameter() -> None:
    (pdu,) = pdus("я" * 100, long_messages="payload")
    assert (pdu.short_message, pdu.sm_length) == (b"", 0)
    assert [(tlv.tag, len(tlv.value)) for tlv in pdu.tlvs] == [(0x0424, 200)]


def test_two_long_messages_have_two_references() -> None:
    one = composer(long_messages="udh8")
    first, second = (one.build(outgoing(1, "я" * 100))[0](1) for _ in range(2))
    assert first != second


def test_an_smsc_can_make_headers_of_8_bits_from_parameters() -> None:
    one = composer(long_messages="sar")
    for _ in range(300):
        pdu = smpp34.decode(one.build(outgoing(1, "я" * 100))[0](1))
        assert isinstance(pdu, smpp34.SubmitSm)
        assert int.from_bytes(pdu.tlvs[0].value, "big") < 256


def test_a_part_never_promises_more_than_remains_when_it_may_leave_last() -> None:
    message = outgoing(1, leave_within=0.7, valid_for=10.5)
    (make,) = composer().build(message)
    message.mark_departed()
    pdu = smpp34.decode(make(1))
    assert isinstance(pdu, smpp34.SubmitSm)
    assert pdu.validity_period == relative(9)


def test_a_text_beyond_255_parts_is_refused() -> None:
    with pytest.raises(ValueError, match="too long"):
        composer().build(outgoing(1, "я" * 67 * 256))


@pytest.mark.parametrize(
    ("seconds", "period"),
    [
        (0, "000000000001000R"),
        (60, "000000000100000R"),
        (3600, "000000010000000R"),
        (86400, "000001000000000R"),
        (86400 * 400, "000030000000000R"),
    ],
)
def test_the_validity_period_is_relative(seconds: int, period: str) -> None:
    assert relative(seconds) == period
    message = outgoing(valid_for=seconds + 0.5)
    if seconds:
        assert message.expires_at > time.monotonic()


@pytest.mark.parametrize(
    ("sender", "kind"),
    [("Vestnik", (5, 0)), ("79161234567", (1, 1)), ("1234", (3, 0)), ("", (0, 0))],
)
def test_the_kind_of_a_sender_is_read_from_it(sender: str, kind: tuple[int, int]) -> None:
    pdu = smpp34.decode(composer(sender).build(outgoing())[0](1))
    assert isinstance(pdu, smpp34.SubmitSm)
    assert (pdu.source_addr_ton, pdu.source_addr_npi) == kind
    assert (pdu.dest_addr_ton, pdu.dest_addr_npi) == (1, 1)


@pytest.mark.parametrize("sender", ["Вестник", "TwelveLetter", "x" * 21])
def test_a_sender_that_does_not_fit_is_an_error(sender: str) -> None:
    with pytest.raises(OptionError):
        composer(sender)


@pytest.mark.parametrize(
    ("options", "text", "data_coding", "octets"),
    [
        ({}, "a@€", 0, b"a\x00\x1be"),
        ({}, "я", 8, b"\x04\x4f"),
        ({"default_alphabet": "latin-1", "default_data_coding": "3"}, "é", 3, b"\xe9"),
        ({"default_alphabet": "cp1251"}, "я", 0, b"\xff"),
        ({"default_alphabet": "none"}, "a", 8, b"\x00a"),
        ({"default_alphabet": "ascii"}, "é", 8, b"\x00\xe9"),
    ],
)
def test_the_default_alphabet_is_a_setting(
    options: dict[str, Any], text: str, data_coding: int, octets: bytes
) -> None:
    coded = Coding(Options(options), (153, 134)).encode(text)
    assert (coded.data_coding, list(coded.parts)) == (data_coding, [octets])


AIR = {
    "Latin": "a" * 160,
    "Latin, one more": "a" * 161,
    "Latin, to the brim": "a" * 306,
    "signs of two septets": "{}[]~" * 16,
    "signs of two septets, one more": "{}[]~" * 16 + "a",
    "signs of two septets, long": "{" * 153 + "}" * 10,
    "an escaped sign at the seam": "a" * 152 + "{" + "a" * 20,
    "Cyrillic": "я" * 70,
    "Cyrillic, one more": "я" * 71,
    "Cyrillic, to the brim": "я" * 134,
    "Cyrillic, long": "я" * 160,
    "letters that are Latin and not GSM": "ç" * 71,
    "a grave accent is not GSM": "`" * 71,
    "mixed": "a" * 69 + "я" * 2,
    "emoji at the seam": "я" * 66 + "😀" + "я",
}


@pytest.mark.parametrize("text", AIR.values(), ids=list(AIR))
@pytest.mark.parametrize("alphabet", ["gsm", "cp1251", "latin-1", "ascii"])
def test_whatever_the_alphabet_there_are_as_many_pdus_as_the_air_takes(
    text: str, alphabet: str
) -> None:
    """Parts, PDUs and the price by segments are one number."""
    composer = PduBuilder(Options({"default_alphabet": alphabet}), "Vestnik")
    pdus = [smpp34.decode(make(1)) for make in composer.build(outgoing(1, text))]
    assert len(pdus) == segments_of(text)
    assert "".join(decoded_of(composer, pdu) for pdu in pdus) == text


def decoded_of(composer: PduBuilder, pdu: Any) -> str:
    octets = pdu.short_message[6:] if pdu.esm_class & 0x40 else pdu.short_message
    assert len(octets) <= 160
    return composer.coding.decode(octets, pdu.data_coding)
