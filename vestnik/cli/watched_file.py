"""A file whose reader can be stopped."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any


class WatchedFile(io.FileIO):
    """A file that calls `check` before each read; `check` raises if the reader has to stop."""

    def __init__(self, path: Path, check: Callable[[], None]) -> None:
        super().__init__(path)
        self._check = check

    def readinto(self, buffer: Any, /) -> int:
        """Read into the buffer."""
        self._check()
        return super().readinto(buffer)

    def readall(self) -> bytes:
        """Read the rest."""
        self._check()
        return super().readall()
