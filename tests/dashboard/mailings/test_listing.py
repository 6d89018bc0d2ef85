"""The list of mailings: filters, search, pages, and what hostile addresses do not do."""

import re
from typing import Any

import pytest

from tests.builders import make_mailing
from tests.dashboard.mailings.mailings import make_mailing_with_unknown, make_many
from tests.dashboard.visiting import make_user, visitor
from vestnik.mailings.models import CANCEL, Mailing

pytestmark = pytest.mark.django_db


def listed(query: str = "", role: str = "operator", **headers: str) -> str:
    answer = visitor(make_user(f"u-{role}", role), **headers).get(f"/mailings/{query}")
    assert answer.status_code == 200
    return answer.content.decode()


def test_an_empty_list_says_how_to_begin() -> None:
    page = listed()
    assert "No mailings yet" in page
    assert "/mailings/new/" in page


def test_a_viewer_is_told_who_makes_mailings() -> None:
    page = listed(role="viewer")
    assert "Only operators and admins can create mailings." in page
    assert 'href="/mailings/new/"' not in page


def test_newest_first_and_page_by_page(django_assert_max_num_queries: Any) -> None:
    mailings = make_many(25)
    browser = visitor(make_user())

    with django_assert_max_num_queries(12):
        first = browser.get("/mailings/").content.decode()
    older = first.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
    second = browser.get(older).content.decode()

    assert "No 24" in first
    assert "No 4<" not in first
    assert first.index("No 24") < first.index("No 23")
    assert "No 4<" in second
    assert f"/mailings/{mailings[0].id}/" in second
    assert 'rel="prev"' in second
    assert 'rel="next"' not in second


def test_by_state_name_or_number() -> None:
    sale, survey = make_mailing(name="Скидка 20 %", starts_in=60), make_mailing(name="Опрос")
    survey.move(CANCEL)
    browser = visitor(make_user())

    def shown(query: str) -> set[int]:
        page = browser.get(f"/mailings/{query}").content.decode()
        return {m.id for m in (sale, survey) if f'"/mailings/{m.id}/"' in page}

    assert shown("") == {sale.id, survey.id}
    assert shown("?state=cancelled") == {survey.id}
    assert shown("?q=скидка") == {sale.id}
    assert shown("?q=20+%25") == {sale.id}
    assert shown(f"?q=№ {survey.id}") == {survey.id}
    assert shown("?q=_") == set()


def test_tests_are_shown_apart() -> None:
    mailing = make_mailing(name="Probe")
    Mailing.objects.filter(id=mailing.id).update(is_test=True)
    browser = visitor(make_user())

    assert f'"/mailings/{mailing.id}/"' not in browser.get("/mailings/").content.decode()
    assert f'"/mailings/{mailing.id}/"' in browser.get("/mailings/?state=test").content.decode()


@pytest.mark.parametrize(
    "query",
    [
        "?cursor=zzz",
        "?cursor=bjk5OTk5OTk5OTk5OTk5OTk5OTk=",
        "?state=x&state=y",
        "?state[]=1",
        "?q=%00",
        "?q=%ff%fe",
        "?q=" + "9" * 5000,
        "?q=%27;DROP",
        "?q=\\",
    ],
)
def test_a_hostile_query_is_ignored(query: str) -> None:
    make_mailing(name="Here")
    assert "<html" in listed(query)


def test_a_name_cannot_run() -> None:
    make_mailing(name="<script>alert(1)</script>")
    page = listed()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


def test_progress_is_on_each_line() -> None:
    make_mailing_with_unknown()
    page = listed(**{"accept-language": "ru"})
    assert "33\u00a0%" in page  # one of three is known to have got it
    assert "100\u00a0%" not in page
    assert "завершена" in page


def test_each_filter_counts_what_it_would_show_with_the_same_search() -> None:
    for name, state in (("Sale", "draft"), ("Sale again", "scheduled"), ("Survey", "scheduled")):
        made = make_mailing(name=name, starts_in=60)
        Mailing.objects.filter(id=made.id).update(state=state)
    browser = visitor(make_user())

    def page(query: str) -> str:
        return browser.get(f"/mailings/{query}").content.decode()

    def counted(query: str) -> list[str]:
        return re.findall(r'<span class="soft">([\d,]+)</span></a>', page(query))

    assert counted("") == ["3", "1", "2"]
    assert counted("?q=sale") == ["2", "1", "1"]
    assert counted("?q=survey&state=draft") == ["1", "0", "1"]
