"""The ledger: the messages that the gateway accepted, in order; optionally in a file."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One accepted message; `at` is Unix time."""

    at: float
    protocol: str
    provider_id: str
    message_id: int | None
    phone_number: str
    text: str
    sender: str = ""
    validity: str = ""
    parts: int = 1

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


class Ledger:
    """The list of accepted messages.

    A line of the file is written to the operating system before the sender gets an answer, so a
    killed gateway loses no accepted message.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.taken: list[LedgerEntry] = []
        self._ids: dict[int, LedgerEntry] = {}
        self._file: TextIO | None = None
        self._last_id = 0
        if path is not None:
            for entry in read(path):
                self._remember(entry)
            _repair(path)
            self._file = path.open("a", encoding="utf-8")

    def add(self, entry: LedgerEntry) -> None:
        self._remember(entry)
        if self._file is not None:
            self._file.write(json.dumps(entry.as_dict(), ensure_ascii=False) + "\n")
            self._file.flush()

    def with_id(self, message_id: int | None) -> LedgerEntry | None:
        """Return the first message that was accepted with this id of the sender."""
        return None if message_id is None else self._ids.get(message_id)

    def clear(self) -> None:
        self.taken.clear()
        self._ids.clear()
        if self._file is not None:
            self._file.truncate(0)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def times_taken(self) -> Counter[str]:
        """Return how many messages were accepted for each number."""
        return Counter(entry.phone_number for entry in self.taken)

    def next_provider_id(self) -> str:
        """Return a new hexadecimal id, unique also across restarts."""
        self._last_id = max(self._last_id + 1, time.time_ns() // 1000)
        return f"{self._last_id:x}"

    def _remember(self, entry: LedgerEntry) -> None:
        self.taken.append(entry)
        if entry.message_id is not None:
            self._ids.setdefault(entry.message_id, entry)


def _repair(path: Path) -> None:
    """Remove an incomplete last line, which a killed gateway left."""
    if path.exists():
        whole, _, rest = path.read_bytes().rpartition(b"\n")
        if rest:
            path.write_bytes(whole + b"\n" if whole else b"")


def read(path: Path) -> Iterator[LedgerEntry]:
    """Yield the entries of a ledger's file, without an incomplete last line."""
    if not path.exists():
        return
    for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
        if line.endswith("\n"):
            yield LedgerEntry(**json.loads(line))
