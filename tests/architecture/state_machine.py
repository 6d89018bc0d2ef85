"""docs/state-machine.md, drawn from the code: `python -m tests.architecture.state_machine`."""

from collections.abc import Iterable, Sequence
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "state-machine.md"
HEAD = """\
# State machines

Drawn from `vestnik/mailings/models.py` and `vestnik/dispatch/states.py` by
`python -m tests.architecture.state_machine`; a test compares them. The tests of `tests/dispatch/`
run with a trigger in the database that refuses any other move.

The words of the states are in `vestnik/states.py`. The statements that change a state are in
`vestnik/dispatch/transitions/`. Statements that only read compare a state with these constants, in
the module that runs them ([decision 186](decisions/0186-moves-are-named-queries-in-one-folder.md)).
"""
MAILINGS = """
## A mailing

`Mailing.move()` and the launch are the only places that change it. Each change is one statement
that names the states it starts from, and leaves a row in `mailings_mailingevent`.
"""
MESSAGES = """
## A message

`sending` is not stored: the message is `queued`, and its batch names it in `in_flight`. A queued
message that may no longer leave becomes `unknown` where an earlier attempt of it may have arrived.
"""
BATCHES = """
## A batch

A batch is the unit of a claim: up to 1,000 messages. Its counts by state change in the statement
that moves its messages. A claimed batch is released by its worker, or rescued once its lease has
expired.
"""

Row = tuple[str, Sequence[str], Sequence[str], str, str]


def page() -> str:
    """The whole page."""
    from vestnik.dispatch.states import BATCH_MOVES, MESSAGE_MOVES
    from vestnik.mailings.models import TRANSITIONS

    mailings: list[Row] = [
        ("create", (), ("draft", "scheduled"), "mailings.models", ""),
        *((t.name, t.sources, (t.target,), "mailings.models", "") for t in TRANSITIONS),
    ]
    moves = [
        [(m.name, m.sources, m.targets, f"dispatch.{m.module}", m.when) for m in machine]
        for machine in (MESSAGE_MOVES, BATCH_MOVES)
    ]
    parts = zip((MAILINGS, MESSAGES, BATCHES), (mailings, *moves), strict=True)
    return HEAD + "".join(f"{text}\n{diagram(rows)}\n{table(rows)}" for text, rows in parts)


def diagram(rows: Iterable[Row]) -> str:
    """A mermaid diagram; the arrows of one pair of states share a label."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for name, sources, targets, *_ in rows:
        for source in sources or ("[*]",):
            for target in targets:
                arrows.setdefault((str(source), str(target)), []).append(name)
    lines = [f"    {a} --> {b}: {', '.join(names)}" for (a, b), names in arrows.items()]
    return "\n".join(("```mermaid", "stateDiagram-v2", *lines, "```", ""))


def table(rows: Iterable[Row]) -> str:
    """What each move is, and which module makes it."""
    head = ("| Move | From | To | When | Module |", "|---|---|---|---|---|")
    lines = [
        f"| {name} | {states(sources) or '(new)'} | {states(targets)} | {when} | `{module}` |"
        for name, sources, targets, module, when in rows
    ]
    return "\n".join((*head, *lines, ""))


def states(names: Sequence[str]) -> str:
    """States as code."""
    return ", ".join(f"`{name}`" for name in names)


if __name__ == "__main__":
    import os

    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vestnik.settings")
    os.environ.setdefault("SECRET_KEY", "for this page alone")
    django.setup()
    PAGE.write_text(page())
