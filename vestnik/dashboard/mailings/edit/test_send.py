"""A test send from the page of a mailing: its text, to a few numbers, at once."""

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
from vestnik.dashboard.web.form_idempotency import new_token, once, token_of
from vestnik.dispatch.prepare.test_send import MOST_NUMBERS, SentTest, send_test
from vestnik.mailings.models import Mailing
from vestnik.mailings.template import least_segments_of

BETWEEN_NUMBERS = re.compile(r"[,;\n]+")
#: What of the page a test sends; where that is wrong there is nothing to try.
NEEDED = ("text", "provider", "rate_limit")
ASKED = (*NEEDED, "rate")


@dataclass
class Trying:
    """The numbers that are written there, what is wrong, or what was sent."""

    numbers: str = ""
    #: What was sent, as it is written on the page.
    text: str = ""
    problems: Sequence[str] = field(default_factory=list)
    trial: SentTest | None = None
    #: The test that the same click or a reload has sent already.
    made: int | None = None
    #: Of the next test: one is sent once.
    token: str = field(default_factory=new_token)

    @classmethod
    def sent(
        cls, form: MailingForm, audience: AudienceForm, data: Mapping[str, Any], actor: str
    ) -> "Trying":
        """Send the test, or say why not."""
        text = str(data.get("text", "")).replace("\r\n", "\n")
        trying = cls(numbers=str(data.get("test_numbers", "")), text=text)
        try:
            mailing, numbers = _mailing(form, audience), _numbers(trying.numbers)

            def make() -> int:
                trying.trial = send_test(mailing, numbers, actor)
                return trying.trial.mailing.id

            used = token_of(data, "test_token") or uuid.UUID(trying.token)
            made, is_new = once(used, make)
            trying.made = None if is_new else made
        except ValidationError as error:
            trying.problems = error.messages
        return trying


def _mailing(form: MailingForm, audience: AudienceForm) -> Mailing:
    form.is_valid()
    wrong = [form.fields[name].label for name in ASKED if name in form.errors]
    if not audience.is_valid():
        wrong.append(_("To whom"))
    if wrong:
        fields = ", ".join(map(str, wrong))
        raise ValidationError(_("Correct this first: %(fields)s.") % {"fields": fields})
    given = {name: form.cleaned_data[name] for name in ("name", *NEEDED)}
    segments = least_segments_of(given["text"])
    return Mailing(filter=audience.audience, segments=segments, **given)


def _numbers(written: str) -> list[str]:
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
