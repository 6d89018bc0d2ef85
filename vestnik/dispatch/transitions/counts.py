"""SQL fragments that keep a batch's counts equal to the states of its messages.

A statement that moves messages returns their new states from its `UPDATE`. `columns` counts these
for each batch, and `changes` adds the numbers to the batch's counts. A message that keeps its state
changes no count.
"""

from collections.abc import Callable, Sequence

from vestnik.dispatch.states import CLAIMED, DONE, QUEUED, READY, MessageState

States = Sequence[MessageState]
Format = Callable[[str], str]

#: Where `changes` reads a count: from the row `c`; from a row `c` that an outer join may leave
#: null; from a parameter of the statement.
COUNTED: Format = "c.{}".format
COUNTED_IF_ANY: Format = "coalesce(c.{}, 0)".format
GIVEN: Format = "%({})s".format


def columns(sources: States, targets: States) -> str:
    """Return the SELECT columns that count rows by their new `state` and by their previous state.

    With several `sources` the rows must have the previous state as the column `was`.
    """
    left = [f"count(*) FILTER (WHERE state <> '{sources[0]}') AS leaving"]
    if len(sources) > 1:
        left = [_count("was", state, f"was_{state}") for state in sources]
    return ", ".join([*left, *(_count("state", state, state) for state in targets)])


def changes(sources: States, targets: States, count: Format = COUNTED) -> str:
    """Return the SET items for a batch `b` whose messages moved from `sources` to `targets`."""
    left = [f"{sources[0]} = b.{sources[0]} - {count('leaving')}"]
    if len(sources) > 1:
        left = [f"{state} = b.{state} - {count(f'was_{state}')}" for state in sources]
    return ", ".join([*left, *(f"{state} = b.{state} + {count(state)}" for state in targets)])


def _count(column: str, state: MessageState, name: str) -> str:
    return f"count(*) FILTER (WHERE {column} = '{state}') AS {name}"


def emptied(leaving: str) -> str:
    """Return the state of a batch `b` after `leaving` of its queued messages have left.

    A claimed batch stays claimed: the worker that holds the lease releases it.
    """
    return (
        f"CASE WHEN b.state <> '{CLAIMED}' AND b.{QUEUED} = {leaving} THEN '{DONE}' "
        "ELSE b.state END"
    )


def reopened(queued: str) -> str:
    """Return the SET items that make a done batch `b` ready again if `queued` is above zero.

    `due_at` is set too, since the oldest due batch of a mailing is reported by it.
    """
    return f"""
    due_at = CASE WHEN b.state = '{DONE}' THEN clock_timestamp() ELSE b.due_at END,
    open_until = CASE WHEN b.state = '{DONE}' THEN NULL ELSE b.open_until END,
    state = CASE WHEN b.state = '{DONE}' AND {queued} > 0 THEN '{READY}' ELSE b.state END
"""
