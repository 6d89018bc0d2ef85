"""How many files a reader opens to follow one message from the request to the provider."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from tests.api.caller import Caller
from tests.architecture.message_trace import traced
from tests.builders import counts, make_clients
from tests.dispatch.dispatching import lane, provider
from tests.stack.servers import wait_until
from vestnik.dispatch.runtime import tasks
from vestnik.mailings.models import Mailing, MailingState
from vestnik.providers.null import NullProvider

pytestmark = pytest.mark.django_db(transaction=True)

#: A ratchet: these only ever go down. The aim is 60 files and 25 returns to a file that was left.
MOST_FILES, MOST_RETURNS = 65, 88
LAST = f"providers/null.py:{NullProvider.__name__}.hand_over_all"


def send_one(caller: Caller) -> None:
    """From the request to the provider, in this thread and in that of the provider's event loop."""
    start = timezone.now() + timedelta(seconds=1)
    body = {
        "text": "Hello",
        "filter": {},
        "provider": "null",
        "starts_at": start.isoformat(),
        "ends_at": (start + timedelta(hours=1)).isoformat(),
    }
    answer = caller.call("POST", "mailings/", body)
    assert answer.status_code == 201, answer.content
    mailing = answer.json()["id"]
    wait_until(lambda: has_started(mailing), seconds=20)
    with lane("null") as dispatcher:
        dispatcher.work()
    assert counts(Mailing.objects.get(id=mailing)) == {"sent": 1}


def has_started(mailing: int) -> bool:
    tasks.look_at(mailing)
    return Mailing.objects.get(id=mailing).state != MailingState.SCHEDULED


def test_the_way_of_a_message_is_short(settings: Any) -> None:
    make_clients(1)
    caller = Caller()
    with provider(settings, "null", "vestnik.providers.null.NullProvider"):
        send_one(caller)  # imports, and what is done once in a process
        with traced(LAST) as trace:
            send_one(caller)

    assert trace.is_over
    visits, files = trace.visits, trace.files
    print(f"{len(visits)} visits in {len(files)} files, {len(visits) - len(files)} returns")
    print("\n".join(visits))
    assert len(files) <= MOST_FILES
    assert len(visits) - len(files) <= MOST_RETURNS
