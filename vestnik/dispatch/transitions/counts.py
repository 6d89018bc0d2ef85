"""How the counts of a batch follow its messages: one piece of SQL for all statements.

A statement that moves messages returns their states from its `UPDATE`; `columns` counts those for
each batch, and `changes` sets the batch's counts by them. What stays in the state that it was in
counts for nothing.
"""

from collections.abc import Callable, Sequence

from vestnik.dispatch.states import CLAIMED, DONE, QUEUED, READY, MessageState

States = Sequence[MessageState]
Format = Callable[[str], str]

#: Where a count stands: in a row `c`; in one that may be missing; in a parameter.
COUNTED: Format = "c.{}".format
COUNTED_IF_ANY: Format = "coalesce(c.{}, 0)".format
GIVEN: Format = "%({})s".format


def columns(sources: States, targets: States) -> str:
    """Count rows by their `state` of now, and by the one before: `was` where there are several."""
    left = [f"count(*) FILTER (WHERE state <> '{sources[0]}') AS leaving"]
    if len(sources) > 1:
        left = [_count("was", state, f"was_{state}") for state in sources]
    return ", ".join([*left, *(_count("state", state, state) for state in targets)])


def changes(sources: States, targets: States, count: Format = COUNTED) -> str:
    """Assign the counts of a batch `b` whose messages have gone from the ones to the others."""
    left = [f"{sources[0]} = b.{sources[0]} - {count('leaving')}"]
    if len(sources) > 1:
        left = [f"{state} = b.{state} - {count(f'was_{state}')}" for state in sources]
    return ", ".join([*left, *(f"{state} = b.{state} + {count(state)}" for state in targets)])


def _count(column: str, state: MessageState, name: str) -> str:
    return f"count(*) FILTER (WHERE {column} = '{state}') AS {name}"


def emptied(leaving: str) -> str:
    """The state of a batch `b` that so many queued messages leave; one that is claimed is let go by
    its worker."""
    return (
        f"CASE WHEN b.state <> '{CLAIMED}' AND b.{QUEUED} = {leaving} THEN '{DONE}' "
        "ELSE b.state END"
    )


def reopened(queued: str) -> str:
    """Assign what makes a batch `b` claimable again in which so many messages are queued."""
    return f"""
    due_at = CASE WHEN b.state = '{DONE}' THEN clock_timestamp() ELSE b.due_at END,
    open_until = CASE WHEN b.state = '{DONE}' THEN NULL ELSE b.open_until END,
    state = CASE WHEN b.state = '{DONE}' AND {queued} > 0 THEN '{READY}' ELSE b.state END
"""
