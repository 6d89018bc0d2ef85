"""What the README says works as printed: its curl tour, its links, its commands."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stack.running import RunningStack

ROOT = Path(__file__).parents[1]
PAGES = ["README.md", "README.ru.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"]
PAGES += sorted(str(page.relative_to(ROOT)) for page in (ROOT / "docs").rglob("*.md"))
LINK = re.compile(r"\]\(([^)#\s]*)(#[^)\s]+)?\)")
# Of the place where the repository is hosted, too: the badge of its CI.
OUTSIDE = ("http", "mailto", "../../actions/")
# Written by `make bench`, which a fresh clone need not have run.
MADE_LATER = {"docs/benchmarks.md"}


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[RunningStack]:
    with RunningStack(home=tmp_path / ".vestnik", workers=1) as running:
        yield running


def test_the_tour_works_as_printed(stack: RunningStack, tmp_path: Path) -> None:
    script = tour().replace("127.0.0.1:8000", f"127.0.0.1:{stack.port}")

    done = subprocess.run(
        ["bash", "-eu", "-o", "pipefail", "-c", script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert (done.returncode, done.stderr) == (0, "")
    answers = [json.loads(line) for line in done.stdout.splitlines() if line]
    bulk, mailing, messages, detail, totals, changed, cancelled, refused = answers
    assert bulk["created"] == 2
    assert mailing["progress"]["sent"] == 2
    assert len(messages["results"]) == detail["progress"]["sent"] == 2
    assert totals["messages"]["sent"] == 2
    assert (changed["name"], changed["state"]) == ("New Year", "scheduled")
    assert cancelled["state"] == "cancelled"
    assert {error["field"] for error in refused["errors"]} == {"phone_number", "tagg"}
    assert {sent.phone for sent in stack.sent(mailing["id"])} == {"79261234567", "79167654321"}


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    for target, anchor in LINK.findall((ROOT / page).read_text()):
        if target.startswith(OUTSIDE):
            continue
        path = (ROOT / page).parent / target if target else ROOT / page
        relative = str(path.resolve().relative_to(ROOT))
        if relative in MADE_LATER:
            continue
        assert path.exists(), f"{page}: {target}"
        if anchor and path.suffix == ".md":
            assert anchor[1:] in anchors(path), f"{page}: {target}{anchor}"


@pytest.mark.parametrize("page", ["README.md", "README.ru.md", "CONTRIBUTING.md"])
def test_its_make_targets_exist(page: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z-]+)`", (ROOT / page).read_text())) <= targets


def tour() -> str:
    """The commands between the README's marks, in their order."""
    _, _, rest = (ROOT / "README.md").read_text().partition("<!-- tour -->")
    part, _, _ = rest.partition("<!-- /tour -->")
    return "\n".join(re.findall(r"```sh\n(.*?)```", part, re.DOTALL))


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as they are made on the web."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
