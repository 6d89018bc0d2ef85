"""The sender of an inbound message, and whether its STOP stops one of ours."""

from datetime import UTC, datetime

import pytest

from vestnik.audience.stop_list import StopListEntry
from vestnik.dispatch.suppress.opt_out import process_inbound
from vestnik.providers.base import Inbound
from vestnik.providers.events import normalize_sender

OURS = "79261234567"
#: As the gateway writes it, whether SMPP calls it international, and who is stopped.
SENDERS = [
    ("79261234567", False, OURS),
    ("+79261234567", False, OURS),
    ("89261234567", False, OURS),
    ("89261234567", True, OURS),
    ("+89261234567", False, OURS),
    ("9261234567", False, OURS),
    ("79261234567", True, OURS),
    ("007926 123-45-67", False, OURS),
    ("0079261234567", True, OURS),
    ("+7 (926) 123-45-67", True, OURS),
    ("4740612345", True, None),
    ("+4740612345", False, None),
    ("9607712345", True, None),
    ("+9607712345", False, None),
    ("+9261234567", False, None),
    ("8926000111", False, None),
    ("900", False, None),
    ("BANK", False, None),
    ("", False, None),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("written", "international", "stopped"), SENDERS)
def test_a_stop_stops_its_sender_and_no_other(
    written: str, international: bool, stopped: str | None
):
    number = normalize_sender(written, international=international)
    process_inbound([Inbound("main", number, "СТОП", datetime.now(UTC))])
    listed = list(StopListEntry.objects.values_list("phone_number", flat=True))
    assert listed == ([stopped] if stopped else [])
