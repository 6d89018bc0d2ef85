"""Pages of a list whose rows go meanwhile."""

import pytest

from tests.builders import make_clients
from tests.dashboard.mailings.writing import browser
from vestnik.audience.models import Client
from vestnik.db.keyset import Cursor, Page, fetch_page

pytestmark = pytest.mark.django_db


def page(place: Cursor | None, *, newest_first: bool) -> Page[Client]:
    return fetch_page(
        place, 2, lambda walk: walk.take(Client.objects.all()), newest_first=newest_first
    )


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize("back", [False, True])
def test_a_page_that_became_empty_leads_to_the_rows_beside_it(
    newest_first: bool, back: bool
) -> None:
    make_clients(6)
    first = page(None, newest_first=newest_first)
    second = page(first.next, newest_first=newest_first)
    place, stays = (second.previous, second) if back else (first.next, first)
    assert place is not None
    Client.objects.exclude(id__in=[row.id for row in stays.rows]).delete()

    emptied = page(place, newest_first=newest_first)
    beside = emptied.next if back else emptied.previous

    assert emptied.rows == []
    assert beside is not None
    assert page(beside, newest_first=newest_first).rows == stays.rows


@pytest.mark.parametrize("id", [0, 1, 2**63 - 1])
@pytest.mark.parametrize("back", [False, True])
def test_a_list_without_rows_has_no_page_that_fails(id: int, back: bool) -> None:
    emptied = page(Cursor(back, id), newest_first=True)
    for beside in (emptied.next, emptied.previous):
        assert page(beside, newest_first=True).rows == []
        assert beside is None or Cursor.parse(str(beside)) == beside


@pytest.mark.parametrize("way", ["older", "newer"])
def test_people_see_the_rows_beside_an_emptied_page(way: str) -> None:
    make_clients(120)
    opened = browser()
    first = opened.get("/clients/").context["listed"]
    second = opened.get(first.older).context["listed"]
    address, stays = (first.older, first) if way == "older" else (second.newer, second)
    kept = {row.id for row in stays.rows}
    Client.objects.exclude(id__in=kept).delete()

    shown = opened.get(address).context["listed"]

    assert {row.id for row in shown.rows} == kept
    assert not shown.older
