"""Hours that open only after the end are told before anything is scheduled."""

from typing import Any

import pytest

from tests.builders import make_client
from tests.dashboard.mailings.writing import browser, written
from tests.dispatch.prepare.test_local_hours import hours_at

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _providers(settings: Any) -> None:
    settings.SMS_PROVIDERS = {"null": {"BACKEND": "null"}}


NEVER = "The hours of 1 client do not open before the end: they get nothing."


def form(**hours: Any) -> dict[str, Any]:
    return written(text="Hello", hours="between", **hours)


@pytest.mark.parametrize(
    ("zone", "told"), [("Asia/Vladivostok", True), ("Europe/Moscow", False)], ids=["never", "open"]
)
def test_it_is_told_beside_the_form_and_in_the_question(zone: str, told: bool) -> None:
    make_client(timezone=zone)
    opened = browser()
    hours = hours_at("Europe/Moscow", 30, 150)
    sent = form(hours_from=hours["from"], hours_until=hours["until"])

    beside = opened.post("/mailings/new/preview/", sent).content.decode()
    question = opened.post("/mailings/new/", {**sent, "do": "schedule"}).content.decode()

    assert 'id="confirmation"' in question
    assert (NEVER in beside, NEVER in question) == (told, told)
