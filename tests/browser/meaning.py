"""What a form says, and what becomes of it: the parts of `test_meaning.py`.

A `Form` tells how it is opened, what is written into it, and what is stored where it is stored as
the page shows it. `cases` are made of forms; `meaning_run.run` tries one.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zlib import crc32

import psycopg
from playwright.sync_api import Page

from tests.stack.running import RunningStack

#: What nobody can mean: nothing may be stored of it.
REFUSED: Any = object()
GONE = "gone"
EVERYWHERE = ("button", "twice", "back", "reload", "without JavaScript")


class Shown(dict[str, list[str]]):
    """What the controls of a form show, by their names."""

    def one(self, name: str, default: str = "") -> str:
        return (self.get(name) or [default])[0]


class Now:
    """Equal to every instant close to the one at which it is made."""

    def __init__(self) -> None:
        self.at = datetime.now(UTC)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, datetime) and abs(other - self.at) < timedelta(minutes=2)

    def __hash__(self) -> int:
        return 0

    def __repr__(self) -> str:
        return f"about {self.at}"


class World:
    """The stack, asked quickly, and what the forms are about."""

    def __init__(self, stack: RunningStack) -> None:
        self.stack = stack
        self.connection = psycopg.connect(stack.database_url, autocommit=True)
        self.subjects: dict[str, Any] = {}
        self.number = 0
        #: The last case, what reads it, and what it read.
        self.left: tuple[str, Callable[[World], Any], Any] | None = None

    def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        return self.connection.execute(query, parameters).fetchall()

    def run(self, statement: str, *parameters: object) -> None:
        self.connection.execute(statement, parameters)

    def post(self, path: str, body: object = None) -> Any:
        answer = self.stack.api("POST", path, {} if body is None else body)
        assert answer.status < 300, answer
        return answer.body

    def subject(self, name: str, make: Callable[[], Any], query: str) -> Any:
        """What a form is about: made anew once the query finds it no more."""
        if name not in self.subjects or not self.rows(query, self.subjects[name]):
            self.subjects[name] = make()
        return self.subjects[name]

    def fresh(self) -> int:
        self.number += 1
        return self.number

    def assert_left(self) -> None:
        """AssertionError where something was stored after the case before was judged."""
        left, self.left = self.left, None
        if left:
            case, reads, after = left
            now = reads(self)
            assert now == after, f"stored late, by {case}: {after!r} became {now!r}"


Meaning = Callable[[World, Shown, Any], Any]


@dataclass(frozen=True)
class Form:
    """A form of the pages."""

    name: str
    opens: Callable[[World], str]
    #: What is stored; `means` tells what it becomes, from what the page shows and what was stored.
    reads: Callable[[World], Any]
    means: Meaning
    #: What is written into it at first; a value may be made anew each time.
    good: Mapping[str, str | Callable[[World], str]] = field(default_factory=dict)
    #: By control: what cannot be read, and choices that are no longer there.
    wrong: Mapping[str, Sequence[str]] = field(default_factory=dict)
    #: Values that contradict each other.
    contradictions: Sequence[Mapping[str, str]] = ()
    #: What is written, and what is chosen afterwards, so that what is written is meant no more.
    withdrawn: Sequence[tuple[Mapping[str, str], Mapping[str, str]]] = ()
    #: What happens elsewhere once the page is open.
    meanwhile: Callable[[World], None] | None = None
    form: str = "main form:has(button.is-primary)"
    button: str = "button.is-primary"
    #: Of the question that follows.
    answer: str = ""
    user: str = "operator"
    #: Whether what is good cannot be stored, either.
    is_always_refused: bool = False
    #: Where it says what is wrong, if not at the field.
    says: str = ""
    #: Whether Enter in a field presses the button.
    enter_saves: bool = False
    #: What a builder's button is, and where it asks.
    builder: tuple[str, str] | None = None
    #: Before it is written into.
    prepares: Callable[[Page], None] | None = None

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Case:
    """One thing that is written, submitted in one manner."""

    form: Form
    #: What is written: good, wrong, contradictory, withdrawn, or good and changed elsewhere.
    kind: str
    manner: str
    what: str
    values: Mapping[str, str]
    control: str = ""
    #: Written over it.
    then: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.form}: {self.what}: {self.manner}"

    @property
    def javascript(self) -> bool:
        return "without" not in self.manner


def cases(forms: Sequence[Form]) -> Iterator[Case]:
    """Every form with everything that may be written into it, in every manner."""
    for form in forms:
        yield from _good(form)
        yield from _wrong(form)
        yield from _several(form)


def _wrong(form: Form) -> Iterator[Case]:
    values = ((name, value) for name, values in form.wrong.items() for value in values)
    for name, value in values:
        what = f"{name}={value[:20]!r}"
        for manner in EVERYWHERE:
            yield Case(form, "wrong", manner, what, {name: value})
        for manner in ("enter", "enter without JavaScript"):
            yield Case(form, "wrong", manner, what, {name: value}, control=name)


def _several(form: Form) -> Iterator[Case]:
    for given in form.contradictions:
        for manner in EVERYWHERE:
            yield Case(form, "contradictory", manner, _told(given), given)
    for given, then in form.withdrawn:
        what = f"{_told(given)}, then {_told(then)}"
        for manner in EVERYWHERE:
            yield Case(form, "withdrawn", manner, what, given, then=then)


def _told(given: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={value[:12]}" for name, value in given.items())


def _good(form: Form) -> Iterator[Case]:
    whole = {name: value for name, value in form.good.items() if isinstance(value, str)}
    for manner in (*EVERYWHERE, "twice without JavaScript"):
        yield Case(form, "good", manner, "as it is", whole)
    if form.builder:
        yield Case(form, "good", "held", "as it is", whole)
    if form.meanwhile:
        for manner in ("button", "twice", "without JavaScript"):
            yield Case(form, "elsewhere", manner, "changed elsewhere", whole)
    for name in form.good:
        for manner in ("enter", "enter without JavaScript"):
            yield Case(form, "good", manner, f"as it is, in {name}", whole, control=name)


def share(cases: Sequence[Case], covers: Callable[[Case], Iterable[object]]) -> list[Case]:
    """So few of the cases that everything is covered that all of them cover; the same each time."""
    order = sorted(range(len(cases)), key=lambda index: crc32(str(index).encode()))
    covered: set[object] = set()
    taken = []
    for index in order:
        if not covered.issuperset(new := set(covers(cases[index]))):
            covered |= new
            taken.append(index)
    return [cases[index] for index in sorted(taken)]
