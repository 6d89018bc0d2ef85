"""A line that a checker must not look at says why."""

import io
import re
import tokenize
from pathlib import Path

ROOT = Path(__file__).parents[2]
MARK = re.compile(r"#\s*(?:noqa|type: ignore)(?:\[[\w, -]+\]|: [A-Z0-9, ]+)?")
FEWEST_LETTERS = 3


def unexplained(path: Path) -> list[str]:
    comments = tokenize.generate_tokens(io.StringIO(path.read_text()).readline)
    marks = [(token.start[0], token.string) for token in comments if token.type == tokenize.COMMENT]
    return [
        f"{path.relative_to(ROOT)}:{line}: {text}"
        for line, text in marks
        if MARK.match(text) and len(MARK.sub("", text).strip(" #()")) < FEWEST_LETTERS
    ]


def test_each_mark_has_its_reason_beside_it() -> None:
    folders = [ROOT / "vestnik", ROOT / "tests", ROOT / "bench"]
    paths = [path for folder in folders for path in sorted(folder.rglob("*.py"))]

    assert len(paths) > 500
    assert [mark for path in paths for mark in unexplained(path)] == []
