"""What is wrong is a page for who looks, and a problem for who programs."""

from typing import Any

import pytest
from django.test import Client as Browser

from tests.dashboard.visiting import make_user, visitor

PROBLEM = "application/problem+json"


def is_page(answered: Any) -> bool:
    guarded = "default-src 'none'" in answered["Content-Security-Policy"]
    return bool(answered["Content-Type"].startswith("text/html") and guarded)


@pytest.mark.parametrize("accept", ["text/html,*/*;q=0.8", "*/*", "text/html"])
def test_nothing_there_is_a_page_for_a_browser(accept: str) -> None:
    answered = Browser(headers={"accept": accept}).get("/nowhere")

    assert answered.status_code == 404
    assert is_page(answered)
    assert "<h1>" in answered.content.decode()


@pytest.mark.parametrize(
    ("path", "accept"),
    [
        ("/metrics/x", "text/html"),
        ("/livez/x", "text/html"),
        ("/nowhere", "application/json"),
        ("/nowhere", PROBLEM),
    ],
)
def test_it_is_a_problem_for_a_program(path: str, accept: str) -> None:
    answered = Browser(headers={"accept": accept}).get(path)

    assert (answered.status_code, answered["Content-Type"]) == (404, PROBLEM)


@pytest.mark.django_db
def test_whoever_is_logged_in_keeps_the_navigation() -> None:
    assert "/settings/" in visitor(make_user()).get("/nowhere").content.decode()
    assert "/settings/" not in visitor().get("/nowhere").content.decode()


def test_an_unknown_host_is_told_so() -> None:
    answered = visitor().get("/login/", headers={"host": "elsewhere.example"})

    assert answered.status_code == 400
    assert is_page(answered)
    assert "ALLOWED_HOSTS" in answered.content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/login/", "/clients/import/"])
def test_what_is_larger_than_any_file_is_refused_before_it_is_read(path: str) -> None:
    form = {"content_type": "multipart/form-data; boundary=b", "CONTENT_LENGTH": str(600 * 2**20)}

    answered = visitor(make_user()).generic("POST", path, b"--b", **form)

    assert answered.status_code == 400
    assert is_page(answered)
    assert "too large" in answered.content.decode()


@pytest.mark.django_db
def test_a_form_without_its_token_says_to_reload() -> None:
    opened = Browser(enforce_csrf_checks=True, headers={"accept": "text/html"})

    answered = opened.post("/login/", {"username": "x", "password": "x"})

    assert answered.status_code == 403
    assert is_page(answered)
    assert "reload the page" in answered.content.decode()


@pytest.mark.django_db
def test_who_has_logged_in_again_in_another_tab_goes_on_with_the_page_that_is_open() -> None:
    """htmx gets the new token for it, and the next answer to what is typed comes."""
    opened = Browser(enforce_csrf_checks=True, headers={"accept": "*/*", "hx-request": "true"})
    opened.force_login(make_user())
    opened.get("/mailings/new/")  # which has the cookie, but not this token
    letters = "/mailings/new/segments/"

    refused = opened.post(letters, {"text": "a", "csrfmiddlewaretoken": "x" * 64})
    part = refused.content.decode()
    token = part.split('value="')[1].split('"')[0]

    assert (refused.status_code, refused["HX-Reswap"]) == (403, "none")
    assert 'hx-swap-oob="outerHTML:[name=csrfmiddlewaretoken]"' in part
    assert opened.post(letters, {"text": "a", "csrfmiddlewaretoken": token}).status_code == 200


@pytest.mark.parametrize(
    ("language", "said"), [("en", "Something went wrong"), ("ru", "Произошла ошибка")]
)
def test_the_page_of_what_broke_asks_nothing(
    monkeypatch: pytest.MonkeyPatch, language: str, said: str
) -> None:
    """No database is allowed in this test: neither a session nor a user can be read."""

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("79261234567")

    monkeypatch.setattr("vestnik.access.sessions.SessionStore.load", broken)
    monkeypatch.setattr("vestnik.dashboard.web.context_processors.page_frame", broken)
    opened = Browser(raise_request_exception=False, headers={"accept-language": language})
    opened.cookies["sessionid"] = "x" * 32
    opened.cookies["theme"] = "dark"

    answered = opened.get("/account/", headers={"accept": "text/html"})

    assert answered.status_code == 500
    assert is_page(answered)
    assert said in answered.content.decode()
    assert 'data-theme="dark"' in answered.content.decode()
    assert "7926" not in answered.content.decode()
