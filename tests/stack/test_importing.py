"""Imports of files into a running stack: by command, by API, killed in the middle."""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path
from urllib.request import Request, urlopen

import psycopg
import pytest

from tests.stack.embedded_servers import wait_until
from tests.stack.running import RunningStack

FAULTS = Path(__file__).parent.parent / "audience" / "files"
BOUNDARY = "x-x-x"
#: Rows of a file that takes seconds to read, and the rows that the progress shows meanwhile: it is
#: stored every 50,000.
MANY, SOME = 100_000, 50_000


@pytest.fixture(scope="module")
def stack(used_home: Path):
    with RunningStack(home=used_home, workers=1) as stack:
        yield stack


@pytest.fixture(autouse=True)
def nobody(stack: RunningStack) -> None:
    stack.sql("DELETE FROM audience_client")
    stack.sql("DELETE FROM audience_refusedrow")
    stack.sql("DELETE FROM audience_importpiece")
    stack.sql("DELETE FROM audience_import")


def command(stack: RunningStack, *words: object) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "vestnik", *map(str, words)],
        env=stack.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def clients(stack: RunningStack) -> int:
    return int(stack.sql("SELECT count(*) FROM audience_client")[0][0])


def many(path: Path, count: int) -> Path:
    path.write_text("phone\n" + "".join(f"{79000000000 + n}\n" for n in range(count)))
    return path


def test_the_command_says_the_counts_and_names_each_refused_row(stack: RunningStack):
    expected = json.loads((FAULTS / "faults.json").read_text())

    process = command(stack, "import", FAULTS / "faults.csv")
    said, trouble = process.communicate(timeout=60)

    assert process.returncode == 0, trouble
    *refused, counts = said.splitlines()
    assert len(refused) == len(expected["refused"])
    for line, words in expected["refused"].items():
        assert any(one.startswith(f"line {line}: ") and words in one for one in refused)
    assert counts.startswith(f"faults.csv: 63 rows: {expected['good']} created, 0 updated")
    assert clients(stack) == expected["good"]


def test_strictly_a_refused_row_is_a_failure(stack: RunningStack):
    process = command(stack, "import", "--strict", FAULTS / "faults.csv")
    process.communicate(timeout=60)
    assert process.returncode == 3


def test_a_file_that_cannot_be_taken_is_said_in_a_line(stack: RunningStack, tmp_path: Path):
    (tmp_path / "a.csv").write_text("name\nx\n")
    process = command(stack, "import", tmp_path / "a.csv")
    _, trouble = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "vestnik: a.csv: Line 1: no column is named as the phone number" in trouble


@pytest.mark.parametrize("moment", ["while it reads", "while it takes over"])
def test_killed_in_the_middle_it_has_taken_nothing_and_can_be_started_again(
    stack: RunningStack, tmp_path: Path, moment: str
):
    path = many(tmp_path / "many.csv", MANY)
    progress = "SELECT rows FROM audience_import ORDER BY id DESC LIMIT 1"
    enough = MANY if moment == "while it takes over" else SOME

    with psycopg.connect(stack.database_url) as reader:
        reader.execute(
            "LOCK TABLE audience_client IN SHARE MODE"
        )  # the import cannot commit too soon
        process = command(stack, "import", path)
        wait_until(lambda: (stack.sql(progress) or [(0,)])[0][0] >= enough, seconds=60)
        process.kill()
        process.communicate()

    assert clients(stack) == 0
    again = command(stack, "import", path)
    said, _ = again.communicate(timeout=120)
    assert f"{MANY} created" in said
    assert clients(stack) == MANY


def test_a_file_over_the_api_is_read_by_a_worker(stack: RunningStack):
    body = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
        f"phone,name\n89261234567,Анна\n\r\n--{BOUNDARY}--\r\n"
    ).encode()

    kind = f"multipart/form-data; boundary={BOUNDARY}"
    headers = {"Authorization": f"Bearer {stack.key}", "Content-Type": kind}
    address = f"{stack.address}/api/v1/clients/imports/"
    request = Request(address, data=body, headers=headers)  # noqa: S310  (our own address)
    with urlopen(request, timeout=30) as answer:  # noqa: S310  (our own address)
        job = json.load(answer)

    wait_until(
        lambda: stack.api("GET", f"clients/imports/{job['id']}/").body["state"] == "done", 30
    )
    assert clients(stack) == 1


NEWEST = "SELECT rows, state, error FROM audience_import ORDER BY id DESC LIMIT 1"
WAITS = """
SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'audience_client'::regclass
"""


def rows_read(stack: RunningStack, at_least: int) -> bool:
    return bool((stack.sql(NEWEST) or [(-1,)])[0][0] >= at_least)


MOMENTS = {
    "as it begins": lambda stack: rows_read(stack, 0),
    "while it reads": lambda stack: rows_read(stack, SOME),
    "with all rows read": lambda stack: rows_read(stack, MANY),
    "while it waits for the table": lambda stack: stack.sql(WAITS)[0][0],
}


@pytest.mark.parametrize(
    ("moment", "number", "times"),
    [
        ("as it begins", signal.SIGINT, 2),
        ("while it reads", signal.SIGINT, 1),
        ("while it reads", signal.SIGINT, 2),
        ("with all rows read", signal.SIGTERM, 1),
        ("while it waits for the table", signal.SIGINT, 1),
        ("while it waits for the table", signal.SIGINT, 2),
    ],
)
def test_stopped_by_ctrl_c_it_says_that_nothing_was_taken(
    stack: RunningStack, tmp_path: Path, moment: str, number: signal.Signals, times: int
):
    path = many(tmp_path / "many.csv", MANY if "rows" in moment or "reads" in moment else 2_000)
    with psycopg.connect(stack.database_url) as reader:
        reader.execute("LOCK TABLE audience_client IN SHARE MODE")  # the import cannot commit
        process = command(stack, "import", path)
        wait_until(lambda: MOMENTS[moment](stack), seconds=60)
        for _ in range(times):
            process.send_signal(number)
        _, trouble = process.communicate(timeout=60)

    state, error = stack.sql(NEWEST)[0][1:]
    assert (state, clients(stack), process.returncode) == ("failed", 0, 1)
    assert "Nothing was taken: start it again." in error
    assert "Nothing was taken: start it again." in trouble
    assert "Traceback" not in trouble


@pytest.mark.parametrize("moment", ["while it takes over", "when all is taken"])
def test_stopped_by_ctrl_c_at_the_end_it_says_what_is_so(
    stack: RunningStack, tmp_path: Path, moment: str
):
    path = many(tmp_path / "many.csv", 60_000)
    process = command(stack, "import", path)
    if moment == "when all is taken":
        wait_until(
            lambda: stack.sql(NEWEST)[0:1] and stack.sql(NEWEST)[0][1] == "done", seconds=120
        )
    else:
        wait_until(lambda: rows_read(stack, 60_000), seconds=60)
    process.send_signal(signal.SIGINT)
    said, trouble = process.communicate(timeout=60)

    state = stack.sql(NEWEST)[0][1]
    was_taken = state == "done"
    assert (state, clients(stack)) in (("failed", 0), ("done", 60_000))
    assert was_taken or moment == "while it takes over"
    # The command's own words, or those of the import that had noticed the signal before.
    assert bool(re.search("Nothing was (imported|taken)", said + trouble)) is not was_taken
    assert "Traceback" not in trouble


def test_one_that_was_killed_is_ended_without_another_import(stack: RunningStack, tmp_path: Path):
    path = many(tmp_path / "many.csv", MANY)
    newest = "SELECT rows, state FROM audience_import ORDER BY id DESC LIMIT 1"
    with psycopg.connect(stack.database_url) as reader:
        reader.execute("LOCK TABLE audience_client IN SHARE MODE")
        process = command(stack, "import", path)
        wait_until(lambda: (stack.sql(newest) or [(0,)])[0][0] >= SOME, seconds=60)
        process.kill()
        process.communicate()
    wait_until(lambda: stack.sql(newest)[0][1] == "failed", seconds=30)
