"""The files that one message passes, from `POST /api/v1/mailings/` to the provider, as a reader of
the code would follow it: each function where it is called for the first time."""

import inspect
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

PRODUCT = str(Path(__file__).resolve().parents[2] / "vestnik") + "/"


@dataclass
class Trace:
    """Functions of the product in the order of their first call."""

    until: str
    functions: dict[tuple[str, str], None] = field(default_factory=dict)
    is_over: bool = False

    def profile(self, frame: FrameType, event: str, _argument: object) -> None:
        """Note a call, unless the message has left."""
        code = frame.f_code
        if event != "call" or self.is_over or not code.co_filename.startswith(PRODUCT):
            return
        if code.co_name.startswith("<") or not code.co_flags & inspect.CO_OPTIMIZED:
            return  # a comprehension, a module, or the body of a class
        name = code.co_filename.removeprefix(PRODUCT)
        self.functions.setdefault((name, code.co_qualname))
        self.is_over = f"{name}:{code.co_qualname}" == self.until

    def begin_anew(self) -> None:
        """Forget what was noted: imports, and what is done once in a process or thread."""
        self.functions.clear()
        self.is_over = False

    @property
    def visits(self) -> list[str]:
        """The files, one after the other; a file that is left and entered again is there twice."""
        names = [name for name, _ in self.functions]
        return [name for n, name in enumerate(names) if n == 0 or names[n - 1] != name]

    @property
    def files(self) -> list[str]:
        """Each file once, in the order in which they are entered."""
        return list(dict.fromkeys(self.visits))


@contextmanager
def traced(until: str) -> Iterator[Trace]:
    """What runs in the block, in all threads, until that function is called."""
    trace = Trace(until)
    threading.setprofile(trace.profile)
    sys.setprofile(trace.profile)
    try:
        yield trace
    finally:
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type]  # typeshed knows no None
