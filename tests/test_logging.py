"""Logs: one formatter for all, and no phone number in any of it."""

import io
import json
import logging
import logging.config
from collections.abc import Iterator

import pytest
import structlog
from django.test import Client

from vestnik.access.models import User
from vestnik.logging import configured

NUMBER = "79261234567"


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What the formatter makes of the lines of a logger called `probe`."""
    written = io.StringIO()
    given = configured(level="DEBUG", form="json")["formatters"]["line"]
    handler = logging.StreamHandler(written)
    handler.setFormatter(
        given["()"](processors=given["processors"], foreign_pre_chain=given["foreign_pre_chain"])
    )
    logger = logging.getLogger("probe")
    logger.addHandler(handler)
    logger.setLevel("DEBUG")
    logger.propagate = False
    yield written
    logger.removeHandler(handler)


def last(lines: io.StringIO) -> dict[str, object]:
    found: dict[str, object] = json.loads(lines.getvalue().splitlines()[-1])
    return found


@pytest.mark.parametrize(
    "value",
    [
        NUMBER,
        int(NUMBER),
        f"to {NUMBER}, at once",
        "to +7 926 123-45-67, at once",
        "to 8(926)1234567, at once",
        [NUMBER],
        {"to": {NUMBER: (NUMBER,)}},
        {NUMBER},
        ValueError(NUMBER),
    ],
    ids=str,
)
def test_no_number_gets_into_a_line_of_ours(lines: io.StringIO, value: object) -> None:
    structlog.get_logger("probe").info("sent", value=value, mailing=12)

    assert NUMBER not in lines.getvalue()
    assert "7926*****67" in lines.getvalue()
    assert last(lines)["mailing"] == 12


def test_no_number_gets_into_a_line_of_a_library(lines: io.StringIO) -> None:
    try:
        raise ValueError(f"no such client: {NUMBER}")
    except ValueError:
        logging.getLogger("probe").exception("lost %s", NUMBER)

    line = last(lines)
    assert line["event"] == "lost 7926*****67"
    assert "7926*****67" in str(line["exception"])
    assert NUMBER not in lines.getvalue()


def test_what_an_address_asks_for_is_cut(lines: io.StringIO) -> None:
    structlog.get_logger("probe").info("request", request="GET /clients/?phone_number=%37926")

    assert last(lines)["request"] == "GET /clients/"


@pytest.mark.parametrize("event", ["request_started", "request_finished"])
def test_the_secret_in_the_address_of_a_callback_is_hidden(lines: io.StringIO, event: str) -> None:
    address = "POST /api/v1/receipts/main/geheim"
    for request in (f"{address}/", f"{address}/?id=1", address, f"{address}/more/"):
        structlog.get_logger("probe").debug(event, request=request)
        assert str(last(lines)["request"]).startswith("POST /api/v1/receipts/main/***")
    assert "geheim" not in lines.getvalue()


def test_a_health_check_that_went_well_leaves_no_line(lines: io.StringIO) -> None:
    log = structlog.get_logger("probe")

    log.info("request_finished", code=200, request="GET /readyz")
    assert lines.getvalue() == ""

    log.warning("request_finished", code=503, request="GET /readyz")
    assert last(lines)["code"] == 503


@pytest.mark.parametrize("value", [0.71234567890, 792612345678, "x779261234567", 5, None, True])
def test_other_figures_stay_as_they_are(lines: io.StringIO, value: object) -> None:
    structlog.get_logger("probe").info("sent", value=value)

    assert last(lines)["value"] == value


def test_a_line_for_people_is_readable(capsys: pytest.CaptureFixture[str]) -> None:
    given = configured(level="DEBUG", form="console")["formatters"]["line"]
    formatter = given["()"](
        processors=given["processors"], foreign_pre_chain=given["foreign_pre_chain"]
    )
    record = logging.makeLogRecord({"msg": "sent to %s", "args": (NUMBER,), "levelname": "INFO"})

    assert "sent to 7926*****67" in formatter.format(record)


@pytest.mark.django_db
def test_a_request_on_a_page_says_by_id_who_made_it(caplog: pytest.LogCaptureFixture) -> None:
    user = User.objects.create_user("anna", password="x", role="viewer")
    opened = Client()
    opened.force_login(user)

    opened.get("/account/")
    Client().get("/login/")

    written = [record.msg for record in caplog.records if isinstance(record.msg, dict)]
    finished = [line for line in written if line["event"] == "request_finished"]
    assert [line.get("actor") for line in finished] == [f"user:{user.pk}", None]
