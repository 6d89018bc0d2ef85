"""Chooses the interleavings: all of them, those of one pair, or a random sample."""

import random
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import count

from tests.interleaving.meeting import HOLDS, Meeting, Result, Stage
from tests.interleaving.operations import OPERATIONS

__all__ = ["Meeting", "Stage", "each", "every", "run_all", "sample"]


def situations_of(first: str, second: str) -> list[str]:
    """Return the situations in which both operations are possible.

    Operations that never meet on one mailing have none: a flight is recorded by one worker.
    """
    if first == second == "record":
        return []
    one, other = OPERATIONS[first].situations, OPERATIONS[second].situations
    return [name for name in one if name in other]


def every(pair: tuple[str, str] | None = None, only: str | None = None) -> Iterator[Meeting]:
    """Yield the first stop of all ordered pairs, or of one pair in both orders."""
    names = list(OPERATIONS)
    both = [pair, pair[::-1]] if pair else [(a, b) for a in names for b in names]
    for first, second in dict.fromkeys(both):
        for situation in situations_of(first, second):
            if only in (None, situation):
                yield Meeting(first, second, situation, 1)
                for hold in HOLDS:
                    yield Meeting(first, second, situation, hold)


def run_all(stage: Stage, meetings: Iterable[Meeting]) -> Iterator[Result]:
    """Yield each interleaving; after one stopped before the first statement, all later stops."""
    for meeting in meetings:
        if meeting.stop != 1:
            yield stage.run(meeting)
            continue
        for stop in count(1):
            result = stage.run(Meeting(meeting.first, meeting.second, meeting.situation, stop))
            if not result.reached:
                break
            yield result


def each(stage: Stage, size: int, chance: random.Random) -> Iterator[Meeting]:
    """Yield `size` random interleavings of each ordered pair."""
    found = [(a, b) for a in OPERATIONS for b in OPERATIONS if situations_of(a, b)] * size
    chance.shuffle(found)
    yield from _at_random(stage, found, chance)


def sample(stage: Stage, size: int, chance: random.Random) -> Iterator[Meeting]:
    """Yield `size` random interleavings.

    None is stopped before its first statement, which would be a sequence. In half of them the
    second operation is stopped as well.
    """
    found = [(a, b) for a in OPERATIONS for b in OPERATIONS if situations_of(a, b)]
    yield from _at_random(stage, [chance.choice(found) for _ in range(size)], chance)


def _at_random(
    stage: Stage, found: Iterable[tuple[str, str]], chance: random.Random
) -> Iterator[Meeting]:
    @cache
    def statements(name: str, situation: str) -> int:
        return stage.statements(name, situation)

    for first, second in found:
        situation = chance.choice(situations_of(first, second))
        stops = [*range(2, statements(first, situation) + 1), *HOLDS]
        thens = [None, chance.randint(2, max(2, statements(second, situation)))]
        yield Meeting(first, second, situation, chance.choice(stops), chance.choice(thens))
