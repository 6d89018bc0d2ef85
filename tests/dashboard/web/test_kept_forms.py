"""What is written on a page outlives a refusal, another language or theme, a reload and a login."""

import html
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client as Browser

from tests.builders import make_client, make_running
from tests.dashboard.mailings.mailings import make_mailing_with_unknown
from tests.dashboard.mailings.writing import Fields, condition, local, written
from tests.dashboard.visiting import PASSWORD, make_user, visitor
from tests.dispatch.sent import record
from vestnik.access.models import ApiKey, User
from vestnik.audience.imports import Import
from vestnik.audience.models import Client, SavedAudience, StopListEntry
from vestnik.dashboard.models import UnsavedForm
from vestnik.dispatch.suppress.erasure import erase_client
from vestnik.mailings.models import PAUSE, Mailing

pytestmark = pytest.mark.django_db

Given = Mapping[str, Any]


class Page(NamedTuple):
    """Where the form is, what is written on it, which is refused, and what of it is shown."""

    opens: Callable[[], str]
    fields: Given
    shown: Sequence[str]


def a_client() -> str:
    return f"/clients/{make_client(tag='vip').pk}/edit/"


def a_client_to_stop() -> str:
    return f"/clients/{make_client().pk}/stop/"


def many() -> str:
    make_client("79261112233")
    return "/clients/bulk/"


def an_audience() -> str:
    return f"/clients/audiences/{SavedAudience.objects.create(name='All', filter={}).pk}/"


def a_file() -> str:
    sent = {
        "file": SimpleUploadedFile("a.csv", b"phone;name\n79261234567;Anna\n"),
        "into": "clients",
    }
    opened = visitor(User.objects.get(username="anna"))
    answer = opened.post("/clients/import/", sent)
    return str(answer["Location"])


def a_running_one() -> str:
    return f"/mailings/{make_running(2, provider='null').id}/change/"


def a_paused_one() -> str:
    mailing = make_running(2, text="Teh sale", provider="null")
    record(mailing, ["sent"])
    mailing.apply(PAUSE, actor="test")
    return f"/mailings/{mailing.id}/text/"


def one_that_is_over() -> str:
    return f"/mailings/{make_mailing_with_unknown(provider='null').id}/again/"


ROW = {"attribute": ["0"], **condition("attribute", 0, name="age", kind="number", value="many")}
ENDS = {"starts": "later", "starts_at": "soon", "ends_at": local(7200), "provider": "null"}
PAGES = {
    "client": Page(
        lambda: "/clients/add/",
        {"phone_number": "123", "tag": "gold", **ROW},
        ["123", "gold", "many"],
    ),
    "client that is changed": Page(a_client, {"phone_number": "123", **ROW}, ["123", "many"]),
    "stop": Page(a_client_to_stop, {"reason": "x" * 300}, ["x" * 300]),
    "stop list": Page(lambda: "/stop-list/", {"numbers": "123", "reason": "asked"}, ["asked"]),
    "many at once": Page(
        many,
        {"does": "tag", "all": "1", "new_tag": "t" * 300, "shown": "1"},
        ["t" * 300],
    ),
    "audience": Page(
        lambda: "/clients/audiences/new/",
        {
            "name": "",
            "rows": "1",
            "include": ["0"],
            **condition("include", 0, what="range", name="a", gte="x"),
        },
        ["x"],
    ),
    "audience that is changed": Page(an_audience, {"name": "n" * 300, "rows": "0"}, ["n" * 300]),
    "columns": Page(
        a_file,
        {
            "columns": "2",
            "column-1-meaning": "",
            "column-2-meaning": "attribute",
            "column-2-name": "who",
        },
        ["who"],
    ),
    "mailing": Page(
        lambda: "/mailings/new/",
        written(do="schedule", name="Half", starts_at="soon"),
        ["Half", "soon"],
    ),
    "change": Page(
        a_running_one, {"name": "Half", "rate": "limit", "rate_limit": "5-"}, ["Half", "5-"]
    ),
    "new text": Page(a_paused_one, {"text": "Half {{", "version": "1"}, []),
    "send again": Page(one_that_is_over, {"states": ["failed"], "text": "Half", **ENDS}, ["soon"]),
    "test": Page(
        lambda: "/settings/providers/null/test/", {"phone_number": "123", "text": "Half"}, ["123"]
    ),
    "user": Page(
        lambda: "/settings/users/add/",
        {"username": "with space", "role": "viewer", "password": "secret horse"},
        ["with space"],
    ),
    "key": Page(lambda: "/settings/keys/", {"name": "k" * 300, "role": "viewer"}, ["k" * 300]),
    "preferences": Page(lambda: "/account/", {"timezone": "Mars/Base"}, []),
}
TABLE = pytest.mark.parametrize("page", PAGES.values(), ids=list(PAGES))


@pytest.fixture(autouse=True)
def _provider(settings: Any) -> None:
    settings.SMS_PROVIDERS = {"null": {"BACKEND": "null", "OPTIONS": {}}}


@pytest.fixture
def browser() -> Browser:
    return visitor(make_user(role="admin"))


def sendable(page: Page) -> dict[str, Any]:
    return {**page.fields, "token": str(uuid4()), "start": "1"}


def state() -> list[Any]:
    """All that a form could have changed."""
    models: list[Any] = [Client, SavedAudience, StopListEntry, Mailing, User, ApiKey]
    rows = [list(model.objects.order_by("pk").values()) for model in models]
    return [*rows, list(Import.objects.values_list("id", "state"))]


def assert_whole(page: Page, answer: Any) -> None:
    text = html.unescape(answer.content.decode())
    assert answer.status_code == 200, text
    assert "unsaved input" in text
    assert 'class="error"' not in text
    for value in page.shown:
        assert f'value="{value}"' in text or f">\n{value}<" in text or f">{value}<" in text, value
    assert "secret horse" not in text


def next_of(answer: Any) -> str:
    """Where another language or theme leads."""
    foot = answer.content.decode().partition('<footer class="foot">')[2]
    [address] = set(re.findall(r'name="next" value="([^"]*)"', foot))
    return html.unescape(address)


@TABLE
def test_a_refused_page_is_whole_in_another_language(browser: Browser, page: Page) -> None:
    address, fields = page.opens(), sendable(page)
    before = state()

    refused = browser.post(address, fields)
    again = browser.get(next_of(refused))

    assert refused.status_code in (200, 422)
    assert next_of(refused) == f"{address}?unsaved={fields['token']}" == next_of(again)
    assert f'data-changed="{next_of(refused)}"' in refused.content.decode()
    assert_whole(page, again)
    assert f'value="{fields["token"]}"' in again.content.decode()
    assert state() == before


@TABLE
def test_what_was_typed_and_not_sent_is_kept(browser: Browser, page: Page) -> None:
    address, fields = page.opens(), sendable(page)
    before = state()

    kept = browser.post(f"{address}?autosave", {**fields, "do": "autosave"})

    assert kept.status_code == 204
    assert_whole(page, browser.get(f"{address}?unsaved={fields['token']}"))
    assert state() == before
    assert "secret horse" not in str(UnsavedForm.objects.values_list("fields"))


@TABLE
def test_it_is_there_after_a_login(browser: Browser, page: Page) -> None:
    address, fields = page.opens(), sendable(page)
    before = state()

    asked = visitor().post(address, fields)
    shown = asked.content.decode()
    carried = Fields(shown.replace("<form ", '<form id="login" ', 1), "login").sent
    back = visitor().post(
        "/login/", {**carried, "username": "anna", "password": PASSWORD}, follow=True
    )

    assert asked.status_code == 401
    assert "secret horse" not in shown
    assert_whole(page, back)
    assert state()[:4] == before[:4]


def test_a_number_that_was_typed_to_delete_is_typed_anew(browser: Browser) -> None:
    fields = {"does": "delete", "all": "1", "typed": "1", "token": str(uuid4())}
    many()
    browser.post("/clients/bulk/", {**fields, "do": "autosave"})

    page = browser.get(f"/clients/bulk/?unsaved={fields['token']}").content.decode()

    assert 'name="typed"' in page
    assert 'value="1"' not in page.partition('name="typed"')[2].partition(">")[0]
    assert "typed" not in str(UnsavedForm.objects.get().fields)


def test_what_was_saved_does_not_come_back(browser: Browser) -> None:
    fields = {"phone_number": "79267654321", "timezone": "", "token": str(uuid4())}
    browser.post("/clients/add/", {**fields, "do": "autosave"})

    saved = browser.post("/clients/add/", fields)
    again = browser.get(f"/clients/add/?unsaved={fields['token']}").content.decode()

    assert saved.status_code == 302
    assert "has been saved or discarded" in again
    assert "79267654321" not in again
    assert browser.post("/clients/add/", {**fields, "do": "autosave"}).status_code == 409


def test_what_is_written_of_an_erased_client_is_forgotten(browser: Browser) -> None:
    client = make_client("79265550000")
    token = str(uuid4())
    fields = {"phone_number": "79265550000", "tag": "theirs", "token": token}
    browser.post(f"/clients/{client.pk}/edit/", {**fields, "do": "autosave"})

    erase_client(client.pk)

    assert not UnsavedForm.objects.filter(fields__isnull=False).exists()


POSTED = {
    "/settings/users/{id}/role/": "/settings/users/{id}/",
    "/settings/users/{id}/password/": "/settings/users/{id}/",
    "/settings/users/{id}/deactivate/": "/settings/users/{id}/",
    "/settings/users/{id}/activate/": "/settings/users/{id}/",
    "/account/password/": "/account/",
    "/account/sessions/x/end/": "/account/",
    "/account/sessions/end-others/": "/account/",
    "/preferences/theme/": "/",
    "/preferences/language/": "/",
}


@pytest.mark.parametrize(("posted", "home"), POSTED.items(), ids=list(POSTED))
def test_an_address_that_is_only_posted_to_leads_to_its_page(
    browser: Browser, posted: str, home: str
) -> None:
    """By a reload, by another language after a refusal, after a login in between."""
    id = User.objects.get().pk

    assert browser.get(posted.format(id=id))["Location"] == home.format(id=id)


@pytest.mark.parametrize(
    ("address", "wrong"),
    [
        ("/account/password/", {"old_password": "no"}),
        ("/settings/users/{id}/role/", {"role": "king"}),
    ],
)
def test_another_language_after_a_refused_action_shows_the_page(
    browser: Browser, address: str, wrong: Given
) -> None:
    other = make_user("other")

    refused = browser.post(address.format(id=other.pk), wrong)
    again = browser.get(next_of(refused), follow=True)

    assert (refused.status_code, again.status_code) == (200, 200)


def secret_of(page: str) -> str:
    return page.partition('id="secret"')[2].partition('value="')[2].partition('"')[0]


SECRETS = {
    "password": ("/settings/users/{id}/", "/settings/users/{id}/password/", {"password": ""}),
    "user": ("/settings/users/add/",) * 2
    + ({"username": "ivan", "role": "viewer", "password": ""},),
    "key": ("/settings/keys/",) * 2 + ({"name": "shop", "role": "viewer"},),
}


@pytest.mark.parametrize(("page", "address", "fields"), SECRETS.values(), ids=list(SECRETS))
def test_a_reload_of_a_page_that_shows_a_secret_makes_no_other(
    browser: Browser, page: str, address: str, fields: Given
) -> None:
    """It says why it is no longer shown; and nothing on it opens it anew."""
    id = make_user("other").pk
    opened = browser.get(page.format(id=id)).content.decode()
    form = opened.partition(f'name="{next(iter(fields))}"')[0].rpartition("<form")[2]
    token = form.rpartition('name="token" value="')[2].partition('"')[0]
    sent = {**fields, "token": token}

    first = browser.post(address.format(id=id), sent)
    made = state()
    second = browser.post(address.format(id=id), sent, follow=True)

    assert secret_of(first.content.decode())
    assert "preferences/" not in first.content.decode()
    assert state() == made
    assert "by the first click" in second.content.decode()
    assert not secret_of(second.content.decode())
    assert not UnsavedForm.objects.filter(fields__isnull=False).exists()


@pytest.mark.parametrize(
    ("open_page", "way_back"),
    [
        ("http://testserver/mailings/5/?state=sent", "?next=%2Fmailings%2F5%2F%3Fstate%3Dsent"),
        ("https://elsewhere.example/mailings/5/", ""),
        ("", ""),
    ],
)
def test_a_click_after_the_end_of_the_session_comes_back_after_the_login(
    open_page: str, way_back: str
) -> None:
    asked = {"HX-Request": "true", "HX-Current-URL": open_page}

    answer = visitor().get("/mailings/5/cancel/", headers=asked)

    assert answer.status_code == 401
    assert answer["HX-Redirect"] == f"/login/{way_back}"


@pytest.mark.parametrize("address", ["/preferences/theme/", "/preferences/language/"])
def test_another_theme_on_a_page_of_an_earlier_login_keeps_the_page(address: str) -> None:
    opened = Browser(enforce_csrf_checks=True, headers={"accept": "text/html"})
    sent = {"next": "/mailings/new/?unsaved=1", "theme": "dark", "csrfmiddlewaretoken": "x" * 64}

    refused = opened.post(address, sent)

    assert refused.status_code == 403
    assert 'href="/mailings/new/?unsaved=1"' in refused.content.decode()
