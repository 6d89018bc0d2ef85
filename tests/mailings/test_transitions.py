"""Which state may follow which, and that one of two who try wins."""

import pytest
from django.db import IntegrityError

from tests.builders import make_mailing
from vestnik.mailings.models import (
    CANCEL,
    FINISH,
    LAUNCH,
    MISS,
    PAUSE,
    RESUME,
    SCHEDULE,
    Mailing,
    MailingState,
    StateConflict,
    Transition,
)
from vestnik.mailings.rules import allowed_actions

pytestmark = pytest.mark.django_db

ALLOWED = {
    "schedule": {"draft"},
    "launch": {"scheduled"},
    "miss": set(),  # its end would have to have come
    "pause": {"running"},
    "resume": {"paused"},
    "cancel": {"draft", "scheduled", "running", "paused"},
    "finish": {"running", "paused"},
}
ORDERS = [SCHEDULE, LAUNCH, MISS, PAUSE, RESUME, CANCEL, FINISH]
BEFORE = "2026-01-01T00:00:00Z"


def mailing_in(state: str) -> Mailing:
    mailing = make_mailing()
    started = BEFORE if state in ("running", "paused", "finished") else None
    finished = BEFORE if state in ("finished", "cancelled", "missed") else None
    Mailing.objects.update(state=state, started_at=started, finished_at=finished)
    mailing.refresh_from_db()
    return mailing


@pytest.mark.parametrize("state", MailingState.values)
@pytest.mark.parametrize("transition", ORDERS, ids=str)
def test_a_transition_leaves_only_the_states_that_it_names(
    transition: Transition, state: str
) -> None:
    mailing = mailing_in(state)

    moved = mailing.move(transition, actor="test", reason="why")

    assert moved == (state in ALLOWED[transition.name])
    assert mailing.state == (transition.target if moved else state)
    if moved:
        event = mailing.events.latest("id")
        assert (event.from_state, event.to_state) == (state, transition.target)
        assert (event.actor, event.reason) == ("test", "why")


def test_of_two_who_move_the_same_row_one_wins() -> None:
    mailing = mailing_in("running")
    other = Mailing.objects.get()

    assert mailing.move(PAUSE)
    assert not other.move(PAUSE)
    assert mailing.events.filter(event="pause").count() == 1


def test_nothing_is_launched_before_its_start_or_resumed_after_its_end() -> None:
    assert not make_mailing(starts_in=100).move(LAUNCH)
    paused = mailing_in("paused")
    Mailing.objects.update(starts_at=BEFORE, ends_at="2026-01-02T00:00:00Z")
    with pytest.raises(StateConflict, match="resume is not possible"):
        paused.apply(RESUME, actor="test")


def test_a_change_that_loses_to_the_launch_is_a_conflict() -> None:
    mailing = make_mailing()
    Mailing.objects.get().move(LAUNCH)

    with pytest.raises(StateConflict, match="is running: change is not possible"):
        mailing.change({"text": "late"}, actor="test")
    assert Mailing.objects.get().text == "Hello"


@pytest.mark.parametrize(
    ("state", "actions"),
    [
        ("draft", ["schedule", "cancel", "change"]),
        ("scheduled", ["cancel", "change"]),
        ("running", ["pause", "cancel", "change of ends_at, name, rate_limit"]),
        ("paused", ["resume", "cancel", "change of ends_at, name, rate_limit, text"]),
        ("finished", []),
    ],
)
def test_what_is_possible_is_said_in_words(state: str, actions: list[str]) -> None:
    assert allowed_actions(mailing_in(state)) == actions


@pytest.mark.parametrize(
    "fields",
    [
        {"ends_at": BEFORE, "starts_at": BEFORE},
        {"text": ""},
        {"rate_limit": 0},
        {"state": "gone"},
        {"state": "running", "started_at": None},
        {"state": "scheduled", "started_at": BEFORE},
        {"state": "cancelled", "finished_at": None},
        {"state": "scheduled", "finished_at": BEFORE},
    ],
)
def test_a_mailing_that_breaks_a_rule_cannot_be_stored(fields: dict[str, object]) -> None:
    make_mailing()

    with pytest.raises(IntegrityError):
        Mailing.objects.update(**fields)
