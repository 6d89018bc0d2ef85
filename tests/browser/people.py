"""Users of a running stack, and their sessions."""

from functools import cache

from django.contrib.auth.hashers import PBKDF2PasswordHasher
from playwright.sync_api import Browser, StorageState

from tests.stack.running import RunningStack

ROLES = ("viewer", "operator", "admin")
PASSWORD = "correct horse battery"

MAKE = """
INSERT INTO access_user (username, role, password, is_active, is_superuser, is_staff, first_name,
    last_name, email, timezone, date_joined)
VALUES (%s, %s, %s, true, false, false, '', '', '', '', now())
ON CONFLICT (username) DO UPDATE SET role = excluded.role, password = excluded.password
"""


def make_users(stack: RunningStack, *people: tuple[str, str]) -> None:
    """Make users, given as name and role, in the stack's database; PASSWORD is everybody's.

    The `admin` that a new stack comes with is one of them. By SQL, for `vestnik manage` takes
    seconds to start.
    """
    for name, role in people:
        stack.sql(MAKE, (name, role, _hashed()))


@cache
def _hashed() -> str:
    """As the product stores it; hashed once, for that takes half a second."""
    return PBKDF2PasswordHasher().encode(PASSWORD, "a-salt-of-22-characters")


def log_in(browser: Browser, stack: RunningStack, name: str) -> StorageState:
    """A session of the user's, as the cookies of a browser that has logged in."""
    context = browser.new_context()
    try:
        address = f"{stack.address}/login/"
        context.request.get(address)
        token = next(c["value"] for c in context.cookies() if c["name"] == "csrftoken")
        form = {"username": name, "password": PASSWORD, "csrfmiddlewaretoken": token}
        answer = context.request.post(
            address, form=form, headers={"Referer": address}, max_redirects=0
        )
        assert answer.status == 302, f"{answer.status}: {answer.text()}\n{stack.tail()}"
        return context.storage_state()
    finally:
        context.close()
