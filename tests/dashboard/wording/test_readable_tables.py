"""Files for people: in their language and zone; those for programs stay as they were."""

import csv
import io
from typing import Any

import pytest

from tests.builders import make_client, make_running
from tests.dashboard.mailings.writing import browser
from vestnik.audience.models import Client
from vestnik.dispatch.suppress.revocation import delete_client
from vestnik.mailings.models import Mailing

pytestmark = pytest.mark.django_db


def rows_of(language: str, address: str) -> list[list[str]]:
    content: bytes = browser("viewer", language).get(address).getvalue()  # type: ignore[attr-defined]  # a file
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig")), delimiter=";"))


def test_messages_are_in_the_readers_language_and_zone() -> None:
    mailing = make_running(1)
    assert delete_client(Client.objects.get().id)
    address = f"/mailings/{mailing.id}/messages/export/?format=csv"

    head, row = rows_of("ru", f"{address}&for=people")
    found: dict[str, Any] = dict(zip(head, row, strict=True))
    names, plain = rows_of("ru", address)

    assert found["Состояние"] == "отменено"
    created = next(value for name, value in found.items() if name.startswith("Создано, Москва"))
    assert len(created) == len("29.11.2026 13:05:00")
    assert "deleted" not in found["Причина"]
    machine = dict(zip(names, plain, strict=True))
    assert (machine["state"], machine["error"]) == ("cancelled", "the client was deleted")
    assert machine["created_at"].endswith("Z")


def test_clients_are_in_the_readers_language() -> None:
    make_client(attributes={"vip": True, "size": "42"})

    head, row = rows_of("ru", "/clients/export/?for=people")
    found = dict(zip(head, row, strict=True))

    assert found["Номер телефона"] == "79261234567"
    assert (found["vip"], found["size"]) == ("да", "42")
    assert "exact_values" not in found
    assert rows_of("ru", "/clients/export/")[0][-1] == "exact_values"


@pytest.mark.parametrize(("language", "shown"), [("ru", "2,5"), ("en", "2.5")])
def test_fractions_of_clients_are_no_dates_for_a_russian_spreadsheet(
    language: str, shown: str
) -> None:
    make_client(attributes={"score": 2.5, "whole": 3.0, "version": "2.5"})

    head, row = rows_of(language, "/clients/export/?for=people")
    found = dict(zip(head, row, strict=True))
    names, plain = rows_of(language, "/clients/export/")

    assert (found["score"], found["whole"], found["version"]) == (shown, "3", "2.5")
    assert dict(zip(names, plain, strict=True))["score"] == "2.5"


def test_statistics_are_in_the_readers_language() -> None:
    mailing = make_running(2)
    Mailing.objects.filter(id=mailing.id).update(state_reason="")

    found = dict(rows_of("ru", f"/mailings/{mailing.id}/statistics/export/?for=people"))

    assert found["Показатель"] == "Значение"
    assert found["Состояние"] == "идёт"
    assert (found["в очереди"], found["в очереди, %"]) == ("2", "100")
