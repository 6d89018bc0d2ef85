"""Admins manage users; there is always an admin left."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from tests.dashboard.visiting import log_in, make_user, visitor
from vestnik.access import users
from vestnik.access.models import Session, User
from vestnik.access.users import LastAdmin

pytestmark = pytest.mark.django_db

NEW = {"username": "ivan", "role": "operator", "password": ""}


def shown_secret(answered: Any) -> str:
    text = answered.content.decode()
    return str(text.split('id="secret"', 1)[1].split('value="', 1)[1].split('"', 1)[0])


def test_a_user_is_added_with_a_password_that_is_shown_once() -> None:
    opened = visitor(make_user("boss", "admin"))

    answered = opened.post("/settings/users/add/", NEW)
    plain = shown_secret(answered)

    assert User.objects.get(username="ivan").role == "operator"
    assert log_in("ivan", plain)[1].status_code == 302
    assert answered["Cache-Control"] == "no-store"
    assert plain not in opened.get("/settings/users/").content.decode()


def test_a_second_click_says_who_was_added_and_where_there_is_another_password() -> None:
    opened = visitor(make_user("boss", "admin"))
    page = opened.get("/settings/users/add/").content.decode()
    form = NEW | {"token": page.split('name="token" value="')[1].split('"')[0]}
    opened.post("/settings/users/add/", form)

    again = opened.post("/settings/users/add/", form, follow=True)
    other = opened.post("/settings/users/add/", form | {"username": "olga"})

    ivan = User.objects.get(username="ivan")
    assert again.request["PATH_INFO"] == f"/settings/users/{ivan.pk}/"
    assert "ivan was added by the first click" in again.content.decode()
    assert "press again" in other.content.decode()
    assert not User.objects.filter(username="olga").exists()


def test_a_user_is_added_with_a_password_that_is_typed() -> None:
    opened = visitor(make_user("boss", "admin"))
    typed = NEW | {"password": "purple giraffe window"}

    answered = opened.post("/settings/users/add/", typed, follow=True)

    assert "purple" not in answered.content.decode()
    assert log_in("ivan", "purple giraffe window")[1].status_code == 302


@pytest.mark.parametrize(
    "wrong",
    [
        {"username": ""},
        {"username": "with space"},
        {"username": "BOSS"},
        {"username": "ivan\0"},
        {"role": "king"},
        {"password": "12345678"},
        {"password": "ivanivan1", "username": "ivanivan"},
    ],
)
def test_a_user_that_will_not_do_is_told_beside_the_field(wrong: dict[str, str]) -> None:
    opened = visitor(make_user("boss", "admin"))

    answered = opened.post("/settings/users/add/", NEW | wrong)

    assert "is-wrong" in answered.content.decode()
    assert User.objects.count() == 1


def test_a_role_holds_from_the_next_page_on() -> None:
    opened = visitor(make_user("boss", "admin"))
    ivan = make_user("ivan", "viewer")
    theirs, _ = log_in("ivan")

    opened.post(f"/settings/users/{ivan.pk}/role/", {"role": "admin"})

    assert theirs.get("/settings/users/").status_code == 200


def test_a_password_is_set_and_ends_their_sessions() -> None:
    opened = visitor(make_user("boss", "admin"))
    ivan = make_user("ivan")
    theirs, _ = log_in("ivan")

    plain = shown_secret(opened.post(f"/settings/users/{ivan.pk}/password/", {"password": ""}))

    assert theirs.get("/account/").status_code == 302
    assert log_in("ivan", plain)[1].status_code == 302


def test_whoever_is_shut_out_can_be_let_in_again() -> None:
    opened = visitor(make_user("boss", "admin"))
    ivan = make_user("ivan")

    opened.post(f"/settings/users/{ivan.pk}/deactivate/")
    assert log_in("ivan")[1].status_code == 200
    opened.post(f"/settings/users/{ivan.pk}/activate/")

    assert log_in("ivan")[1].status_code == 302


@pytest.mark.parametrize("act", ["deactivate", "role"])
def test_the_last_admin_stays(act: str) -> None:
    boss = make_user("boss", "admin")
    make_user("gone", "admin", is_active=False)
    opened = visitor(boss)

    said = opened.post(f"/settings/users/{boss.pk}/{act}/", {"role": "viewer"}, follow=True)

    assert "boss is the last admin" in said.content.decode()
    boss.refresh_from_db()
    assert (boss.role, boss.is_active) == ("admin", True)


@pytest.mark.django_db(transaction=True)
def test_two_admins_cannot_unmake_each_other_at_once() -> None:
    admins = [make_user(name, "admin") for name in ("anna", "ivan")]
    refused: list[User] = []

    def unmake(user: User) -> None:
        try:
            users.deactivate(user, actor="test")
        except LastAdmin:
            refused.append(user)
        finally:
            connection.close()

    threads = [threading.Thread(target=unmake, args=(user,)) for user in admins]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(refused) == 1
    assert User.objects.filter(is_active=True).count() == 1


def test_the_list_costs_the_same_however_many_there_are(
    django_assert_max_num_queries: Callable[..., object],
) -> None:
    opened = visitor(make_user("boss", "admin"))
    for number in range(20):
        make_user(f"user{number}")
        Session.objects.create(session_key=str(number), expire_date="2100-01-01T00:00Z")

    with django_assert_max_num_queries(8):
        assert "user19" in opened.get("/settings/users/").content.decode()


@pytest.mark.parametrize("number", [0, 999_999, 2**70])
def test_a_user_that_is_not_there_is_not_found(number: int) -> None:
    opened = visitor(make_user("boss", "admin"))

    assert opened.get(f"/settings/users/{number}/").status_code == 404
    assert opened.post(f"/settings/users/{number}/deactivate/").status_code == 404
