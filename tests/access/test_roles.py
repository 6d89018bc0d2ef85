"""The permission table, for API keys and in Django's admin."""

import pytest

from vestnik.access.models import User
from vestnik.access.roles import Action, may

TABLE = {
    "viewer": {Action.SEE},
    "operator": {Action.SEE, Action.SEND},
    "admin": {Action.SEE, Action.SEND, Action.MANAGE},
}


@pytest.mark.parametrize("role", TABLE)
@pytest.mark.parametrize("action", Action)
def test_each_role_may_do_what_the_one_before_may(role: str, action: Action) -> None:
    assert may(role, action) == (action in TABLE[role])


@pytest.mark.parametrize("role", ["", "root", "ADMIN", "viewer "])
def test_a_role_that_does_not_exist_may_do_nothing(role: str) -> None:
    assert not any(may(role, action) for action in Action)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("role", "permission", "granted"),
    [
        ("viewer", "dispatch.view_message", True),
        ("viewer", "mailings.change_mailing", False),
        ("viewer", "access.view_apikey", False),
        ("operator", "mailings.change_mailing", True),
        ("operator", "audience.add_client", True),
        ("operator", "audience.delete_client", False),
        ("operator", "access.view_user", False),
        ("admin", "audience.delete_client", True),
        ("admin", "access.add_apikey", True),
    ],
)
def test_a_users_role_grants_the_permissions_of_the_admin(
    role: str, permission: str, granted: bool
) -> None:
    user = User.objects.create_user("anna", role=role)

    assert user.has_perm(permission) is granted


@pytest.mark.django_db
def test_a_user_who_left_may_do_nothing() -> None:
    user = User.objects.create_user("anna", role="admin", is_active=False)

    assert not user.has_perm("dispatch.view_message")
    assert not user.has_module_perms("dispatch")


@pytest.mark.django_db
def test_a_superuser_is_an_admin() -> None:
    user = User.objects.create_superuser("root", password="x")

    assert (user.role, user.is_staff) == ("admin", True)
    assert user.has_module_perms("access")
