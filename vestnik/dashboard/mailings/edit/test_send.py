"""A test send from the page of a mailing: its text to a few numbers, at once."""

import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from vestnik.audience.phone_parsing import normalised
from vestnik.dashboard.audience_builder.builder import AudienceForm
from vestnik.dashboard.mailings.edit.forms import MailingForm
from vestnik.dashboard.web.form_idempotency import create_once, new_token, read_token
from vestnik.dispatch.prepare.test_send import MOST_NUMBERS, SentTest, send_test
from vestnik.mailings.models import Mailing
from vestnik.mailings.text import least_segments_of, parse

BETWEEN_NUMBERS = re.compile(r"[,;\n]+")
#: The fields that a test uses; if one is invalid, the test is refused.
SENT_FIELDS = ("name", "text", "provider", "rate_limit")
VALIDATED = (*SENT_FIELDS, "rate")


@dataclass
class TestSend:
    """The numbers, and the problems or the result."""

    numbers: str = ""
    #: The text as it is on the page.
    text: str = ""
    problems: Sequence[str] = field(default_factory=list)
    result: SentTest | None = None
    #: The test that an earlier submission of the same page has sent.
    earlier_mailing_id: int | None = None
    #: The token of the next test, which is sent once.
    token: str = field(default_factory=new_token)

    @classmethod
    def send(
        cls, form: MailingForm, audience: AudienceForm, data: Mapping[str, Any], actor: str
    ) -> "TestSend":
        """Send the test; the result has the problems if it was refused."""
        text = str(data.get("text", "")).replace("\r\n", "\n")
        test_send = cls(numbers=str(data.get("test_numbers", "")), text=text)
        try:
            mailing, numbers = _build_mailing(form, audience), _parse_numbers(test_send.numbers)

            def make() -> int:
                test_send.result = send_test(mailing, numbers, actor)
                return test_send.result.mailing.id

            token = read_token(data, "test_token") or uuid.UUID(test_send.token)
            mailing_id, is_new = create_once(token, make)
            test_send.earlier_mailing_id = None if is_new else mailing_id
        except ValidationError as error:
            test_send.problems = error.messages
        return test_send


def _build_mailing(form: MailingForm, audience: AudienceForm) -> Mailing:
    form.is_valid()
    invalid_fields = [form.fields[name].label for name in VALIDATED if name in form.errors]
    if not audience.is_valid():
        invalid_fields.append(_("To whom"))
    if invalid_fields:
        fields = ", ".join(map(str, invalid_fields))
        raise ValidationError(_("Correct this first: %(fields)s.") % {"fields": fields})
    fields_of_mailing = {name: form.cleaned_data[name] for name in SENT_FIELDS}
    segments = least_segments_of(parse(fields_of_mailing["text"]))
    return Mailing(filter=audience.audience, segments=segments, **fields_of_mailing)


def _parse_numbers(written: str) -> list[str]:
    parts = [part.strip() for part in BETWEEN_NUMBERS.split(written) if part.strip()]
    numbers = [(part, normalised(part)) for part in parts]
    wrong = [part for part, number in numbers if number is None]
    if wrong:
        raise ValidationError(
            _("This is not a phone number: %(number)s.") % {"number": wrong[0][:30]}
        )
    if not 1 <= len(numbers) <= MOST_NUMBERS:
        raise ValidationError(_("Give 1 to %(most)s numbers.") % {"most": MOST_NUMBERS})
    return [number for _part, number in numbers if number is not None]
