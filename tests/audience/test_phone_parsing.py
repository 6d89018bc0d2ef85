"""What a written phone number means, at every entry; and what is refused, with what was seen."""

import random
import re
from collections.abc import Iterator

import phonenumbers
import pytest
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from vestnik.audience.numbering.register_table import mobile_codes
from vestnik.audience.phone import WITHOUT_SMS_FORM, NumberRules, gets_no_sms
from vestnik.audience.phone_parsing import normalised, parse, problem_with

A, KZ, TOLL_FREE, LANDLINE = "79261234567", "77011234567", "78005553535", "74951234567"
TAKEN = {
    # with the country code
    "79261234567": A,
    "+79261234567": A,
    "+7 926 123-45-67": A,
    "+7 (926) 123-45-67": A,
    "(+7) 926 123 45 67": A,
    "+7-926-123-45-67": A,
    "+7.926.123.45.67": A,
    "+7(926)1234567": A,
    "7 926 123 45 67": A,
    "7(926)123-45-67": A,
    "7-926-123-45-67": A,
    " 79261234567 ": A,
    "\t79261234567\n": A,
    "+7\u00a0926\u00a0123\u00a045\u00a067": A,
    "+7\u2009926\u2009123\u201345\u201367": A,
    "\u202a+79261234567\u202c": A,
    "\ufeff79261234567": A,
    "7926\u200b1234567": A,
    "'79261234567": A,
    "\uff0b7 926 123 45 67": A,
    "+ 7 926 123 45 67": A,
    "++79261234567": A,
    "tel:+79261234567": A,
    "тел. +7 926 123-45-67": A,
    "Тел: 79261234567": A,
    "моб. +79261234567": A,
    "phone: 7 926 1234567": A,
    "+7_926_123_45_67": A,
    "+7 926 123/45/67": A,
    "+7 926 123\u221245\u221267": A,
    "0079261234567": A,
    "00 7 926 123-45-67": A,
    "007 (926) 123-45-67": A,
    "79261234567.0": A,
    "79261234567,00": A,
    "7.9261234567E+10": A,
    "7,9261234567E+10": A,
    "7.9261234567e10": A,
    "70000000000": "70000000000",
    "72125551234": "72125551234",
    "77011234567": KZ,
    "+7 701 123 45 67": KZ,
    "78005553535": TOLL_FREE,
    "+7 495 123-45-67": LANDLINE,
    # 8 in the place of +7
    "89261234567": A,
    "8 926 123 45 67": A,
    "8 (926) 123-45-67": A,
    "8-926-123-45-67": A,
    "8.926.123.45.67": A,
    "8(926)1234567": A,
    "89261234567.0": A,
    "8.9261234567E+10": A,
    "8 (701) 123-45-67": KZ,
    "87011234567": KZ,
    "8 800 555-35-35": TOLL_FREE,
    "8 (495) 123-45-67": LANDLINE,
    # ten digits that can be a mobile number alone
    "9261234567": A,
    "926 123 45 67": A,
    "(926) 123-45-67": A,
    "926-123-45-67": A,
    "926.123.45.67": A,
    "9261234567.0": A,
    "9.261234567E+9": A,
    "9,261234567E+09": A,
    "701 123 45 67": KZ,
    "(701) 123-45-67": KZ,
    "701-1234567": KZ,
    "(777) 123-45-67": "77771234567",
}
MISSING, CODE = "one digit is missing", "no mobile number begins with "
REFUSED = {
    # foreign: a plus says so
    "+4740612345": "begins with +47",
    "+47 406 12 345": "begins with +47",
    "(+47) 40612345": "begins with +47",
    "\uff0b4740612345": "begins with +47",
    "\u207a4740612345": "begins with +47",
    "+6581234567": "begins with +65",
    "+85212345678": "begins with +852",
    "+3725123456": "begins with +372",
    "+380501234567": "begins with +380",
    "+380 (50) 123-45-67": "begins with +380",
    "+375 29 123-45-67": "begins with +375",
    "+1 212 555 1234": "begins with +1",
    "+12125551234": "begins with +1",
    "+998901234567": "begins with +998",
    "+996 555 123 456": "begins with +996",
    "+9607712345": "begins with +960",
    "+84912345678": "begins with +84",
    "+8613812345678": "begins with +86",
    "+9261234567": "begins with +92",
    "00 47 40612345": "begins with +47",
    "004740612345": "begins with +47",
    "tel:+4740612345": "begins with +47",
    "+4740612345.0": "begins with +47",
    "+8 926 123 45 67": "write +7 in its place",
    "+89261234567": "write +7 in its place",
    # one digit short, or long
    "8926000111": MISSING,
    "7926000111": MISSING,
    "8 926 000 11 1": MISSING,
    "7 926 000 11 1": MISSING,
    "(812) 123-45-67": MISSING,
    "800 555 35 35": MISSING,
    "7011234567": MISSING,
    "7771234567": MISSING,
    "7926000111.0": MISSING,
    "7.926000111E+9": MISSING,
    "+7 926 12": "5 digits after +7",
    "+7 926 123 45 6": "9 digits after +7",
    "+7 926 123 45 678": "11 digits after +7",
    "+7 8 926 123 45 67": "11 digits after +7",
    "+7": "0 digits after +7",
    "926123456": "too few digits: 9",
    "926123456.0": "too few digits: 9",
    "926123456.00": "too few digits: 9",
    "792612345678": "too many digits: 12",
    "19261234567": "eleven digits and begins with 1",
    "00000000000": "No country has the code +000",
    "1234567": "too few digits: 7",
    "123-45-67": "too few digits: 7",
    "112": "too few digits: 3",
    "0": "too few digits: 1",
    # ten digits that are no mobile number of ours
    "2125551234": f"{CODE}212",
    "4951234567": f"{CODE}495",
    "(495) 123-45-67": f"{CODE}495",
    "4740612345": f"{CODE}474",
    "6581234567": f"{CODE}658",
    "3725123456": f"{CODE}372",
    "0926123456": f"{CODE}092",
    "1112223344": f"{CODE}111",
    "9071234567": f"{CODE}907",
    "9401234567": f"{CODE}940",
    # an 8 before what is no number of Russia or Kazakhstan
    "85212345678": "begins with 521 after the 8",
    "8 212 555 12 34": "begins with 212 after the 8",
    "81012345678": "begins with 101 after the 8",
    "86101234567": "begins with 610 after the 8",
    "80501234567": "begins with 050 after the 8",
    # not digits
    "": "too few digits: 0",
    "-": "too few digits: 0",
    "нет": "a letter",
    "abc": "a letter",
    "8926I234567": "a letter",
    "+7 926 123-45-67 доб. 12": "a letter",
    "\u0667\u0669\u0662\u0666\u0661\u0662\u0663\u0664\u0665\u0666\u0667": "the character \u0667",
    "7926123456\u00b2": "the character \u00b2",
    "*100#": "the character *",
    "8926123456?": "the character ?",
    "79261234567, 79161234567": "several numbers",
    "79261234567; 79161234567": "several numbers",
    "79261234567 79161234567": "several numbers",
    "8926123+4567": "several numbers",
    "7926+1234567": "several numbers",
    "7.926E+10": "cut the number's last digits off",
    "7.926123E+10": "cut the number's last digits off",
    "8.9E+10": "cut the number's last digits off",
}


def test_the_table_is_large_and_half_of_it_are_refusals():
    assert len(TAKEN) + len(REFUSED) >= 140
    assert len(REFUSED) >= len(TAKEN)


@pytest.mark.parametrize("written", TAKEN)
def test_what_can_only_be_one_number_is_taken(written: str):
    assert normalised(written) == TAKEN[written]
    assert problem_with(written) == ""


@pytest.mark.parametrize("written", REFUSED)
def test_everything_else_is_refused_with_what_was_seen(written: str):
    assert normalised(written) is None
    assert REFUSED[written] in problem_with(written)


def test_no_number_that_lost_one_of_its_last_digits_becomes_another():
    for code in (*sorted(mobile_codes()), "701", "705", "747", "777", "495", "800"):
        for whole in (f"7{code}1234567", f"8{code}1234567"):
            for lost in range(1, 11):
                short = whole[:lost] + whole[lost + 1 :]
                assert normalised(short) is None, (whole, short)


NO_SMS = ("74951234567", "73431234567", "78005553535", "78121234567", "77172123456", "77212123456")
SMS = ("79261234567", "79990000000", "77011234567", "77771234567", "77471234567", "77601234567")


@pytest.mark.parametrize("number", [*NO_SMS, *SMS])
def test_landline_and_toll_free_numbers_are_known_by_the_numbering_plan(number: str):
    kinds = {PhoneNumberType.FIXED_LINE, PhoneNumberType.TOLL_FREE}
    assert gets_no_sms(number) == bool(re.match(WITHOUT_SMS_FORM, number)) == (number in NO_SMS)
    assert (phonenumbers.number_type(phonenumbers.parse(f"+{number}")) in kinds) == (
        number in NO_SMS
    )


@pytest.mark.parametrize("code", ["7", "8", ""])
def test_a_rule_may_refuse_what_is_completed_or_gets_no_sms(code: str):
    strict = NumberRules(without_code="refuse", without_sms="refuse")
    assert NumberRules().accept(f"{code}9261234567") == A
    if code == "7":
        assert strict.accept("79261234567") == A
    else:
        with pytest.raises(ValueError, match=r"without \+7.*\+79261234567"):
            strict.accept(f"{code}9261234567")
    with pytest.raises(ValueError, match="landline or toll-free"):
        strict.accept("+7 495 123-45-67")
    assert NumberRules().accept("+7 495 123-45-67") == LANDLINE


# fmt: off
COUNTRIES = [
    "RU", "KZ", "BY", "UA", "UZ", "KG", "TJ", "TM", "AM", "AZ", "GE", "MD", "LV", "LT",
    "EE", "PL", "DE", "FR", "GB", "NO", "SE", "FI", "IT", "ES", "TR", "IL", "AE", "IN",
    "CN", "HK", "SG", "JP", "KR", "VN", "TH", "US", "CA", "BR", "MV", "LB",
]
# fmt: on


def numbers_of(countries: list[str], each: int, chance: random.Random) -> Iterator[tuple[str, str]]:
    """Valid numbers: an example of each kind with its last digits at random."""
    kinds = (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE, PhoneNumberType.TOLL_FREE)
    for country in countries:
        made = 0
        while made < each:
            example = phonenumbers.example_number_for_type(country, chance.choice(kinds))
            if example is None:
                continue
            digits = phonenumbers.format_number(example, PhoneNumberFormat.E164)
            number = digits[:-6] + f"{chance.randrange(10**6):06}"
            if phonenumbers.is_possible_number(phonenumbers.parse(number)):
                made += 1
                yield country, number


def forms_of(number: str, chance: random.Random) -> Iterator[str]:
    """Ten ways of writing it, as people, phones and sheets do."""
    parsed = phonenumbers.parse(number)
    digits = number[1:]
    own = phonenumbers.national_significant_number(parsed)
    international = phonenumbers.format_number(parsed, PhoneNumberFormat.INTERNATIONAL)
    yield from (number, digits, own, international, f"00{digits}", f"8{own}")
    yield phonenumbers.format_number(parsed, PhoneNumberFormat.NATIONAL)
    yield chance.choice((f"{digits}.0", f"tel:{number}", f"\u200e{international}", f"({own})"))
    yield international.replace(" ", chance.choice(("\u00a0", "-", ".", "\u2009")))
    cut = chance.randrange(1, len(own))
    yield f"{chance.choice(('+', '', '8'))}{digits[:cut]} {digits[cut:]}"


def readings_of(written: str, country: str) -> set[str]:
    """What phonenumbers reads from it, in the country itself and in ours."""
    found = set()
    plain = written.removesuffix(".0").replace("\u2009", " ")  # it knows no thin spaces
    for region in (country, "RU", "KZ", *(["DE"] if plain.startswith("00") else [])):
        try:
            parsed = phonenumbers.parse(plain, region)
        except phonenumbers.NumberParseException:
            continue
        found.add(phonenumbers.format_number(parsed, PhoneNumberFormat.E164)[1:])
    return found


def test_ten_thousand_written_forms_become_no_number_that_phonenumbers_does_not_read():
    chance = random.Random(20261129)
    forms = [
        (form, country)
        for country, number in numbers_of(COUNTRIES, 25, chance)
        for form in forms_of(number, chance)
    ]
    assert len(COUNTRIES) == 40
    assert len(forms) == 10_000
    became = [(form, country, normalised(form)) for form, country in forms]
    wrong = [row for row in became if row[2] and row[2] not in readings_of(row[0], row[1])]
    assert wrong == []
    foreign = [row for row in became if row[0].startswith("+") and not row[0].startswith("+7")]
    assert [row for row in foreign if row[2]] == []
    assert sum(row[2] is not None for row in became) > 200


def test_a_written_country_code_is_told_from_a_completed_one():
    assert parse("+7 926 123-45-67").has_country_code  # type: ignore[union-attr]  # it is read
    assert not parse("926 123-45-67").has_country_code  # type: ignore[union-attr]  # it is read
