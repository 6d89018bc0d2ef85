"""Logging in, logging out, and being locked out."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from tests.dashboard.visiting import PASSWORD, log_in, make_user, visitor
from vestnik.access import lockout
from vestnik.access.users import set_password

pytestmark = pytest.mark.django_db

WRONG = "wrong horse"


def fail(times: int, name: str = "anna", **extra: str) -> int:
    """Guess so often; what the last guess was answered."""
    return [log_in(name, WRONG, **extra)[1].status_code for _ in range(times)][-1]


def test_who_is_not_logged_in_comes_to_the_page_after_the_login() -> None:
    make_user()
    opened = visitor()

    asked = opened.get("/account/?x=1")
    form = {"username": "anna", "password": PASSWORD, "next": "/account/?x=1"}
    answered = opened.post("/login/", form)

    assert asked["Location"] == "/login/?next=/account/%3Fx%3D1"
    assert answered["Location"] == "/account/?x=1"


@pytest.mark.parametrize("next", ["https://elsewhere.example/", "//elsewhere.example", "x:y"])
def test_the_login_leads_to_no_other_host(next: str) -> None:
    make_user()

    answered = visitor().post("/login/", {"username": "anna", "password": PASSWORD, "next": next})

    assert answered["Location"] == "/"


def test_a_wrong_password_is_told_beside_the_form() -> None:
    make_user()

    _, answered = log_in(password=WRONG)

    assert answered.status_code == 200
    assert "Please enter a correct username and password" in answered.content.decode()


def test_logging_out_is_a_post() -> None:
    opened = visitor(make_user())

    assert opened.get("/logout/").status_code == 405
    assert opened.post("/logout/")["Location"] == "/login/"
    assert opened.get("/account/").status_code == 302


def test_ten_wrong_passwords_lock_out_for_a_quarter_of_an_hour() -> None:
    make_user()

    assert fail(9) == 200
    assert fail(1) == 429
    _, answered = log_in()

    assert answered.status_code == 429
    assert "Try again in 15 minutes." in answered.content.decode()
    assert 890 <= int(answered["Retry-After"]) <= 900
    assert "default-src 'none'" in answered["Content-Security-Policy"]


def test_a_lock_out_ends_by_itself_and_trying_does_not_prolong_it() -> None:
    make_user()
    fail(10)
    with time_machine.travel(timezone.now() + timedelta(minutes=10)):
        assert fail(1) == 429
        assert "Try again in 5 minutes." in log_in()[1].content.decode()

    with time_machine.travel(timezone.now() + timedelta(minutes=15, seconds=1)):
        assert log_in()[1].status_code == 302


def test_others_are_not_locked_out_with_them() -> None:
    make_user()
    make_user("ivan")
    fail(10)

    assert log_in("ivan")[1].status_code == 302
    assert log_in("anna", REMOTE_ADDR="192.0.2.7")[1].status_code == 302


def test_a_name_that_nobody_has_is_locked_out_like_any_other() -> None:
    assert fail(10, "nobody") == 429


def test_a_right_password_forgives_the_wrong_ones() -> None:
    make_user()

    fail(9)
    log_in()

    assert fail(9) == 200


def test_a_password_that_an_admin_sets_opens_the_login_at_once() -> None:
    user = make_user()
    fail(10)

    set_password(user, "another horse battery", actor="test")

    assert log_in(password="another horse battery")[1].status_code == 302


def test_an_address_that_tries_many_names_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lockout, "ADDRESS_LIMIT", 5)
    make_user()
    for number in range(5):
        fail(1, f"name{number}")

    assert log_in()[1].status_code == 429
    assert log_in(REMOTE_ADDR="192.0.2.7")[1].status_code == 302


def test_the_admins_login_knows_the_same_limit_of_an_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lockout, "ADDRESS_LIMIT", 5)
    make_user(is_staff=True)
    for number in range(5):
        form = {"username": f"name{number}", "password": WRONG}
        assert visitor().post("/admin/login/", form).status_code == 200

    right = {"username": "anna", "password": PASSWORD}
    answers = [visitor().post(path, right) for path in ("/admin/login/", "/login/")]
    elsewhere = visitor().post("/admin/login/", right, REMOTE_ADDR="192.0.2.7")

    assert [answer.status_code for answer in answers] == [429, 429]
    assert elsewhere.status_code == 302


def test_the_admins_login_counts_too() -> None:
    make_user(is_staff=True)
    form = {"username": "anna", "password": WRONG}

    answers = [visitor().post("/admin/login/", form).status_code for _ in range(10)]

    assert answers[-1] == 429


@pytest.mark.parametrize(
    ("proxies", "forwarded", "locked"),
    [
        (0, "203.0.113.{0}", True),  # anybody can write the header
        (1, "203.0.113.{0}", False),
        (1, "203.0.113.{0}, 198.51.100.1", True),  # only the last is our proxy's word
        (2, "203.0.113.{0}, 198.51.100.1", False),
        (1, "{0}-is-no-address", True),
    ],
)
def test_behind_a_proxy_the_visitors_address_counts(
    settings: Any, proxies: int, forwarded: str, locked: bool
) -> None:
    settings.WEB_PROXIES = proxies
    make_user()

    answers = [fail(1, HTTP_X_FORWARDED_FOR=forwarded.format(number)) for number in range(10)]

    assert (answers[-1] == 429) is locked


def test_what_is_hostile_is_no_error() -> None:
    for name in ("\0", "a" * 5000, "'; --", "\ud83d\ude00".encode("utf-16", "surrogatepass")):
        assert visitor().post("/login/", {"username": name, "password": WRONG}).status_code == 200
    assert visitor().post("/login/", HTTP_USER_AGENT="x" * 5000).status_code == 200
