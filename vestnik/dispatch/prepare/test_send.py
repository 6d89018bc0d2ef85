"""Test sends: the text that a client would get, sent to a few numbers before the mailing.

A test send is a mailing of its own, marked as a test and running at once, so rate limit, stop list,
breaker and receipts apply as to any other (decision 0108). Its messages have a number and no
client.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from vestnik.audience.phone import gets_no_sms
from vestnik.audience.stop_list import StopListEntry, recall
from vestnik.dispatch.models import Batch, EnlistmentCursor, Message
from vestnik.dispatch.prepare.recipients import sample_messages
from vestnik.dispatch.signals.wakeups import wake_for
from vestnik.dispatch.states import BatchState, MessageState
from vestnik.mailings.models import LAUNCH, Mailing
from vestnik.mailings.rendering import NO_SMS, STOPPED
from vestnik.mailings.text import (
    is_blank,
    is_personalised,
    least,
    parse,
    placeholders,
    segments_of,
)
from vestnik.mailings.window import Clock, database_now
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

#: Numbers of one test send.
MOST_NUMBERS = 5
#: From the start to the end of a test send.
WINDOW = timedelta(minutes=10)
COPIED_FIELDS = ("text", "filter", "provider", "rate_limit")
NOBODY_HAS = gettext_lazy(
    "No client that the filter matches has a value for each placeholder: "
    "give those placeholders defaults, or change the filter."
)


@dataclass(frozen=True)
class SentTest:
    """A test send that was started: its text, and its messages with the reason of a refusal."""

    mailing: Mailing
    text: str
    segments: int
    messages: Sequence[Message]


def send_test(mailing: Mailing, numbers: Collection[str], actor: str) -> SentTest:
    """Send the text of a mailing, saved or not, to up to five numbers; the mailing is not changed.

    All numbers get the text of the preview's first sample. Numbers on the stop list and numbers
    that receive no SMS get a suppressed message with the reason. Raises ValidationError with the
    field.
    """
    given = list(dict.fromkeys(numbers))
    if not 1 <= len(given) <= MOST_NUMBERS:
        remedy = _("Give 1 to %(most)s numbers.") % {"most": MOST_NUMBERS}
        raise ValidationError({"phone_numbers": remedy})
    text, segments = _sample(mailing)
    with transaction.atomic():
        test = _launched(mailing, actor)
        test.record_event("test", actor=actor, reason=Reason(Code.TEST_NUMBERS, count=len(given)))
        messages = _messages(test, given, text, segments)
        wake_for(test.id)
    return SentTest(test, text, segments, messages)


def _sample(mailing: Mailing) -> tuple[str, int]:
    """Return what the first client would get; without clients, the text with all defaults."""
    for sample in sample_messages(mailing, 1):
        return sample.text, sample.segments
    pieces = parse(mailing.text)
    if any(slot.default is None for slot in placeholders(pieces)):
        raise ValidationError({"text": NOBODY_HAS})
    text = least(pieces)
    if is_blank(text):
        raise ValidationError({"text": NOBODY_HAS})
    return text, segments_of(text)


def _launched(mailing: Mailing, actor: str) -> Mailing:
    """Create the running mailing of a test send, with an enlistment that is complete already."""
    now = database_now()
    test = Mailing.objects.schedule(
        actor=actor,
        is_test=True,
        name=f"Test: {mailing.name}"[:200] if mailing.name else "Test",
        starts_at=now,
        ends_at=now + WINDOW,
        **{name: getattr(mailing, name) for name in COPIED_FIELDS},
    )
    test.move(LAUNCH, actor=actor)
    EnlistmentCursor.objects.create(mailing=test, bound=0, next_number=1, complete=True)
    Mailing.objects.filter(id=test.id).update(enlisted_at=Clock())
    test.refresh_from_db()
    return test


def _messages(test: Mailing, numbers: Sequence[str], text: str, segments: int) -> list[Message]:
    """Create the messages in one batch; `recall` restores stopped numbers that were erased."""
    recall(numbers)
    listed = StopListEntry.objects.filter(phone_number__in=numbers)
    why = {number: NO_SMS for number in numbers if gets_no_sms(number)}
    why |= {str(entry.phone_number): STOPPED for entry in listed}
    own = text if is_personalised(test.text) else None
    made = Message.objects.bulk_create(
        Message(
            mailing=test,
            phone_number=number,
            state=MessageState.SUPPRESSED if number in why else MessageState.QUEUED,
            segments=0 if number in why else segments,
            text=None if number in why else own,
            error=why[number].text if number in why else None,
            reason=why[number].data if number in why else None,
        )
        for number in numbers
    )
    going = len(numbers) - len(why)
    Batch.objects.create(
        mailing=test,
        number=0,
        first_message_id=min(message.id for message in made),
        last_message_id=max(message.id for message in made),
        state=BatchState.READY if going else BatchState.DONE,
        size=len(made),
        queued=going,
        suppressed=len(why),
    )
    return made
