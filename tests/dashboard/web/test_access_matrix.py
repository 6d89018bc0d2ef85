"""Every address of the pages, for everybody: a new one cannot be forgotten here."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import URLPattern, URLResolver
from django.urls.converters import IntConverter

from tests.builders import make_mailing
from tests.dashboard.visiting import make_user, visitor
from vestnik.access.roles import Action, Role, may
from vestnik.dashboard import urls

pytestmark = pytest.mark.django_db

#: For everybody, also before the login.
OPEN = {"login", "logout", "set_language", "set-theme"}
#: What one must be granted to open a page at all, where it is more than to see. A page of which
#: only a control is for some says so itself, and is in the tests of its area.
MANAGED = {
    "users",
    "add-user",
    "user-page",
    "change-role",
    "set-password",
    "deactivate-user",
    "activate-user",
    "api-keys",
    "revoke-key",
    "client-erase",
    "stop-list-remove",
}
#: Posts by which a viewer changes nothing but their own account.
OWN = {"account", "change-password", "end-session", "end-other-sessions"}
ANSWERS_TO_WHO_MAY = {200, 204, 302, 400, 404, 405, 409, 422}


def pages(patterns: Any = urls.urlpatterns, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Name and address of every page; what an address needs is made up."""
    for pattern in patterns:
        route = prefix + "".join(_example(pattern))
        if isinstance(pattern, URLResolver):
            yield from pages(pattern.url_patterns, route)
        elif isinstance(pattern, URLPattern):
            yield str(pattern.name), f"/{route}"


def _example(pattern: Any) -> Iterator[str]:
    route = str(pattern.pattern)
    for name, converter in pattern.pattern.converters.items():
        kind = "999999" if isinstance(converter, IntConverter) else "console"
        head, _, rest = route.partition("<")
        assert rest.partition(">")[0].rpartition(":")[2] == name
        yield head + kind
        route = rest.partition(">")[2]
    yield route


PAGES = sorted(set(pages()))
NAMES = [name for name, _ in PAGES]


def guarded(answered: Any) -> bool:
    return str(answered["Content-Security-Policy"]).startswith("default-src 'none'; script-src")


def test_the_addresses_are_found() -> None:
    assert {"overview", "mailing-list", "client-page", "account", "users"} <= set(NAMES)
    assert set(NAMES) >= OPEN | MANAGED | OWN


@pytest.mark.parametrize(("name", "address"), PAGES, ids=NAMES)
def test_who_is_not_logged_in_sees_the_login_alone(name: str, address: str) -> None:
    for answered in (visitor().get(address), visitor().post(address)):
        if name in OPEN:
            assert answered.status_code in {200, 302, 405}
        else:
            assert answered.status_code in {302, 405}
            assert answered.get("Location", "/login/").startswith("/login/")


@pytest.mark.parametrize(("name", "address"), PAGES, ids=NAMES)
def test_a_part_for_a_page_that_is_open_leads_the_whole_page_to_the_login(
    name: str, address: str
) -> None:
    answered = visitor().get(address, headers={"HX-Request": "true"})

    if name not in OPEN and answered.status_code != 405:
        assert (answered.status_code, answered["HX-Redirect"]) == (401, "/login/")


CURRENT = [
    ("http://testserver/mailings/?state=running", "/login/?next=%2Fmailings%2F%3Fstate%3Drunning"),
    ("http://testserver/", "/login/?next=%2F"),
    ("http://elsewhere.example/mailings/", "/login/"),
    ("http://testserver//elsewhere.example/", "/login/"),
    ("javascript:alert(1)", "/login/"),
    ("http://[", "/login/"),
    ("", "/login/"),
]


@pytest.mark.parametrize(("current", "login"), CURRENT)
def test_after_the_login_there_is_a_way_back_to_the_page_that_was_open(
    current: str, login: str
) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": current}

    assert visitor().get("/mailings/1/pause/", headers=headers)["HX-Redirect"] == login


def test_a_part_that_fetches_itself_leads_nobody_away() -> None:
    headers = {"HX-Request": "true", "X-By-Itself": "true"}
    answered = visitor().get("/mailings/1/", headers=headers)

    assert (answered.status_code, answered.headers.get("HX-Redirect")) == (401, None)


def test_a_part_is_written_as_the_page_that_is_open() -> None:
    """Language and zone may have been chosen anew in another tab."""
    user = make_user("anna", "operator", timezone="Asia/Omsk")
    made = make_mailing(starts_in=3600, ends_in=7200)
    page = {"HX-Request": "true", "X-Page-Language": "ru", "X-Page-Zone": "Asia/Vladivostok"}
    strange = {"HX-Request": "true", "X-Page-Language": "xx", "X-Page-Zone": "../etc/passwd"}

    def part(headers: dict[str, str]) -> str:
        browser = visitor(user)
        headers = {**headers, "HX-Target": "mailing-header", "accept-language": "en"}
        return browser.get(f"/mailings/{made.id}/", headers=headers).content.decode()

    assert "Владивосток, UTC+10" in part(page)
    assert "Omsk, UTC+6" in part(strange)
    assert "Omsk, UTC+6" in part({"HX-Request": "true"})
    whole = visitor(user).get(f"/mailings/{made.id}/", headers={"X-Page-Language": "ru"})
    assert "Omsk" in whole.content.decode()


@pytest.mark.parametrize(("name", "address"), PAGES, ids=NAMES)
def test_what_is_being_written_is_not_left_for_the_login(name: str, address: str) -> None:
    answered = visitor().post(address, headers={"HX-Request": "true"})

    if name not in OPEN and answered.status_code != 405:
        assert (answered.status_code, answered.headers.get("HX-Redirect")) == (401, None)
        assert "log in in another tab" in answered.content.decode()


@pytest.mark.parametrize("role", Role.values)
@pytest.mark.parametrize(("name", "address"), PAGES, ids=NAMES)
def test_each_role_opens_what_it_may(name: str, address: str, role: str) -> None:
    answered = visitor(make_user("anna", role)).get(address)

    if name in MANAGED and not may(role, Action.MANAGE):
        assert answered.status_code in {403, 405}
    elif answered.status_code == 403:
        assert role == Role.VIEWER  # an act of operators: their own tests say which
    else:
        assert answered.status_code in ANSWERS_TO_WHO_MAY
    assert guarded(answered)
    assert "no-store" in answered["Cache-Control"]


@pytest.mark.parametrize(("name", "address"), PAGES, ids=NAMES)
def test_a_viewer_posts_nothing(name: str, address: str) -> None:
    """403 where it is an act, 405 where nothing is posted, 404 where there is nothing to act on."""
    answered = visitor(make_user("anna", "viewer")).post(address, {"name": "x"})

    if name not in OPEN | OWN:
        assert answered.status_code in {403, 404, 405}


@pytest.mark.parametrize(("name", "address"), PAGES, ids=NAMES)
def test_a_post_without_its_token_is_refused(name: str, address: str) -> None:
    opened = Browser(enforce_csrf_checks=True, headers={"accept": "text/html"})
    opened.force_login(make_user("anna", "admin"))

    assert opened.post(address).status_code in {403, 405}


def test_no_page_has_the_address_of_another() -> None:
    names = [name for name, _ in pages()]

    assert len(names) == len(set(names))
