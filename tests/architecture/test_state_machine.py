"""docs/state-machine.md says what the code says, and the modules it names exist."""

from importlib import import_module

from tests.architecture.state_machine import PAGE, page
from vestnik.dispatch.states import (
    BATCH_MOVES,
    MESSAGE_MOVES,
    STORED_STATES,
    BatchState,
    MessageState,
)
from vestnik.mailings.models import TRANSITIONS, MailingState


def test_the_page_is_drawn_from_the_code() -> None:
    assert PAGE.read_text() == page(), "run `python -m tests.architecture.state_machine`"


def test_each_move_names_a_module_that_exists() -> None:
    names = {move.module for move in (*MESSAGE_MOVES, *BATCH_MOVES)}

    assert len(names) > 8
    for name in names:
        import_module(f"vestnik.dispatch.{name}")


def test_each_state_can_be_reached() -> None:
    """`sending` alone is no state of a row."""
    reached = {target for move in MESSAGE_MOVES for target in move.targets}
    assert reached == set(STORED_STATES) == set(MessageState) - {MessageState.SENDING}
    assert {target for move in BATCH_MOVES for target in move.targets} == set(BatchState)
    created = {MailingState.DRAFT, MailingState.SCHEDULED}
    assert {one.target for one in TRANSITIONS} | created == set(MailingState)
