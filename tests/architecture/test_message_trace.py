"""How many files a reader opens to follow one message from the request to the provider."""

import re
import subprocess
import sys

#: Threads vary the counts by a few from run to run.
MOST_FILES, MOST_RETURNS = 60, 25


def test_the_way_of_a_message_does_not_grow() -> None:
    command = [sys.executable, "-m", "tests.architecture.message_way"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=240, check=True)

    counts = re.search(r"^(\d+) files, (\d+) visits, (\d+) returns:$", run.stdout, re.MULTILINE)
    assert counts, run.stdout
    files, visits, returns = map(int, counts.groups())
    assert visits == files + returns
    assert 30 < files <= MOST_FILES
    assert returns <= MOST_RETURNS
