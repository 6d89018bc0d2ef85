"""A file with every fault that we could think of: only good rows enter, each other one is named."""

import json
from pathlib import Path

import pytest

from tests.audience.import_files import refusals, take
from vestnik.audience.models import Client

pytestmark = pytest.mark.django_db

FILES = Path(__file__).parents[1] / "files"


def test_nothing_but_the_good_rows_enters_and_each_other_row_is_named():
    expected = json.loads((FILES / "faults.json").read_text())

    job = take((FILES / "faults.csv").read_bytes())

    found = refusals(job)
    assert job.error == ""
    assert set(found) == {int(line) for line in expected["refused"]}
    for line, words in expected["refused"].items():
        assert words in found[int(line)], (line, found[int(line)])
    assert (job.refused + job.duplicates, job.created) == (len(found), expected["good"])
    assert Client.objects.count() == expected["good"]
