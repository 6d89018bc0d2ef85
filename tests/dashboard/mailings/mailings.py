"""Mailings as the pages show them: with something in every state that can be made quickly."""

from tests.builders import (
    make_clients,
    make_mailing,
    make_running,
)
from tests.dispatch.sent import record
from vestnik.dispatch.reconcile import closing
from vestnik.mailings.models import Mailing


def make_mailing_with_unknown(**fields: object) -> Mailing:
    """A finished mailing before its end: one message sent, one refused, one unknown."""
    mailing = make_running(3, starts_in=-10, **fields)
    record(mailing, ["sent", "failed", "unknown"])
    assert closing.finish_if_done(mailing.id)
    mailing.refresh_from_db()
    return mailing


def make_many(count: int) -> list[Mailing]:
    """Mailings that wait for their time, the oldest first."""
    make_clients(2)
    return [make_mailing(starts_in=3600, ends_in=7200, name=f"No {n}") for n in range(count)]
