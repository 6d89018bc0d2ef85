"""The code of the release before: a tree of its commit, and how to run its `vestnik`.

It runs in `.venv` of that tree if there is one (`make .venv` in the tree makes it, of the versions
that it locks). Otherwise it runs in the present environment, which its locks have to allow: they
are compared.
"""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

COMMIT = "6875d99"
HERE = Path(__file__).parents[2]
LOCKS = ("base.txt", "embedded.txt")


@dataclass(frozen=True)
class ReleaseBefore:
    """A tree of it, and the interpreter that runs it."""

    tree: Path
    python: str

    def command(self, *words: str) -> tuple[str, ...]:
        """Return the command `vestnik …` of that release, to be started from anywhere."""
        # PYTHONPATH goes before the editable installation of the present release.
        where = ("env", "-C", str(self.tree), f"PYTHONPATH={self.tree}")
        return (*where, self.python, "-m", "vestnik", *words)


@contextmanager
def release_before(tree: Path | None = None) -> Iterator[ReleaseBefore]:
    """Use that tree, or one that Git checks out for the length of the block."""
    if tree is not None:
        yield ReleaseBefore(tree.resolve(), _interpreter(tree.resolve()))
        return
    with tempfile.TemporaryDirectory(prefix="vestnik-before-") as folder:
        made = Path(folder) / "tree"
        _git("worktree", "add", "--detach", str(made), COMMIT)
        try:
            yield ReleaseBefore(made, _interpreter(made))
        finally:
            _git("worktree", "remove", "--force", str(made))


def _interpreter(tree: Path) -> str:
    own = tree / ".venv" / "bin" / "python"
    if own.exists():
        return str(own)
    for name in LOCKS:
        ours, theirs = (root / "requirements" / name for root in (HERE, tree))
        if ours.read_text() != theirs.read_text():
            raise SystemExit(f"{theirs} locks other versions: run `make .venv` in {tree} first")
    return sys.executable


def _git(*words: str) -> None:
    subprocess.run(["git", "-C", str(HERE), *words], check=True, capture_output=True)
