"""A user's own page: preferences, password, sessions."""

from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from tests.dashboard.visiting import PASSWORD, log_in, make_user, visitor
from vestnik.access.models import Session, User
from vestnik.access.users import deactivate, set_password

pytestmark = pytest.mark.django_db

CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36"
SAFARI = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1"
CHOSEN = {"timezone": "Asia/Omsk", "language": "ru", "theme": "dark"}
NEW = "another horse battery"
CHANGED = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}


def test_preferences_are_kept() -> None:
    user = make_user()
    opened = visitor(user)

    answered = opened.post("/account/", CHOSEN)
    shown = opened.get("/account/").content.decode()

    assert answered["Location"] == "/account/"
    assert User.objects.get().timezone == "Asia/Omsk"
    assert '<html lang="ru" data-theme="dark" ' in shown
    assert "Asia/Omsk" in shown


@pytest.mark.parametrize("wrong", [{"timezone": "Mars/Base"}, {"language": "xx"}, {"theme": "x"}])
def test_a_preference_that_does_not_exist_is_refused(wrong: dict[str, str]) -> None:
    opened = visitor(make_user())

    answered = opened.post("/account/", CHOSEN | wrong)

    assert "is-wrong" in answered.content.decode()
    assert User.objects.get().timezone == ""


def test_zones_are_offered_with_what_they_are_ahead() -> None:
    shown = visitor(make_user()).get("/account/").content.decode()

    assert "Yekaterinburg, UTC+5" in shown
    assert "Asia/Kathmandu, UTC+5:45" in shown


def test_the_page_costs_few_queries(django_assert_max_num_queries: Callable[..., object]) -> None:
    opened = visitor(make_user())

    with django_assert_max_num_queries(12):
        assert opened.get("/account/").status_code == 200


def test_a_changed_password_ends_the_other_sessions() -> None:
    make_user()
    other, _ = log_in()
    opened, _ = log_in()

    said = opened.post("/account/password/", CHANGED, follow=True).content.decode()

    assert "The password is changed. 1 session has ended." in said
    assert other.get("/account/").status_code == 302
    assert Session.objects.count() == 1
    assert log_in(password=NEW)[1].status_code == 302


@pytest.mark.parametrize(
    "wrong",
    [
        {"old_password": "x"},
        {"new_password2": "x"},
        {"new_password1": "12345678", "new_password2": "12345678"},
    ],
)
def test_a_password_that_will_not_do_changes_nothing(wrong: dict[str, str]) -> None:
    make_user()
    opened, _ = log_in()

    answered = opened.post("/account/password/", CHANGED | wrong)

    assert "is-wrong" in answered.content.decode()
    assert log_in()[1].status_code == 302


def test_sessions_are_listed_with_browser_address_and_time() -> None:
    make_user()
    log_in(HTTP_USER_AGENT=SAFARI, REMOTE_ADDR="192.0.2.7")
    opened, _ = log_in(HTTP_USER_AGENT=CHROME)

    shown = opened.get("/account/").content.decode()

    for words in ("Chrome, Linux", "Safari, iPhone", "192.0.2.7", "this one"):
        assert words in shown
    keys = Session.objects.values_list("session_key", flat=True)
    assert len(keys) == 2
    for key in keys:
        assert key not in shown


def test_one_session_is_ended() -> None:
    make_user()
    other, _ = log_in()
    opened, _ = log_in()
    mark = Session.objects.get(session_key=other.session.session_key).mark

    opened.post(f"/account/sessions/{mark}/end/")

    assert other.get("/account/").status_code == 302
    assert opened.get("/account/").status_code == 200


def test_all_other_sessions_are_ended() -> None:
    make_user()
    others = [log_in()[0] for _ in range(2)]
    opened, _ = log_in()

    said = opened.post("/account/sessions/end-others/", follow=True).content.decode()

    assert "2 sessions have ended." in said
    assert [other.get("/account/").status_code for other in others] == [302, 302]


def test_nobody_ends_the_session_of_another() -> None:
    make_user()
    make_user("ivan")
    other, _ = log_in("ivan")
    opened, _ = log_in()

    opened.post(f"/account/sessions/{Session.objects.get(user__username='ivan').mark}/end/")
    opened.post("/account/sessions/end-others/")

    assert other.get("/account/").status_code == 200


def test_when_a_session_was_last_used_is_noted_to_the_minute() -> None:
    make_user()
    opened, _ = log_in()
    opened.get("/account/")
    began = Session.objects.get()
    later = timezone.now() + timedelta(minutes=2)

    with time_machine.travel(later, tick=False):
        opened.get("/account/")
    # By the database's clock, which did not travel: only that it was written matters.
    assert Session.objects.get().last_seen_at > began.last_seen_at


def test_a_session_that_is_used_does_not_end() -> None:
    make_user()
    opened, _ = log_in()
    lasts = timedelta(days=14)
    Session.objects.update(expire_date=timezone.now() + lasts - timedelta(hours=23))
    assert not opened.get("/account/").cookies.get("sessionid")  # prolonged once a day
    Session.objects.update(expire_date=timezone.now() + timedelta(minutes=1))

    answered = opened.get("/account/")

    assert Session.objects.get().expire_date - timezone.now() > timedelta(days=13)
    assert answered.cookies["sessionid"]["max-age"] == lasts.total_seconds()
    assert Session.objects.get().started_at < Session.objects.get().last_seen_at


def test_whoever_is_shut_out_is_out_at_once() -> None:
    user = make_user()
    make_user("boss", "admin")
    opened, _ = log_in()

    deactivate(user, actor="test")

    assert opened.get("/account/").status_code == 302
    assert not Session.objects.exists()
    assert log_in()[1].status_code == 200


@pytest.mark.parametrize("gone", ["deleted", "password"])
def test_sessions_end_with_what_opened_them(gone: str) -> None:
    user = make_user()
    opened, _ = log_in()

    if gone == "deleted":
        user.delete()
    else:
        set_password(user, NEW, actor="test")

    assert opened.get("/account/").status_code == 302
    assert not Session.objects.exists()


def test_expired_sessions_are_swept_out_at_a_login() -> None:
    make_user()
    log_in()
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))

    log_in()

    assert Session.objects.count() == 1
