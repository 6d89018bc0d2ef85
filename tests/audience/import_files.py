"""Importing in tests."""

import io
from typing import Any

from vestnik.audience.importing import run, stored
from vestnik.audience.imports import Import

Refusals = dict[int, str]


def take(content: bytes, **options: Any) -> Import:
    """Hand in a file and read it, as a worker does."""
    job = stored.store(io.BytesIO(content), file_name="a.csv", **options)
    with stored.content(job) as file:
        return run.run(job, file)


def refusals(job: Import) -> Refusals:
    return dict(job.refused_rows.values_list("line", "reason"))


def counts(job: Import) -> dict[str, int]:
    names = ("rows", "created", "updated", "unchanged", "duplicates", "refused")
    return {name: n for name in names if (n := getattr(job, name))}
