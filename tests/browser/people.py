"""Users of a running stack, and their sessions."""

import json

from playwright.sync_api import Browser, StorageState

from tests.stack.running import RunningStack

ROLES = ("viewer", "operator", "admin")
PASSWORD = "correct horse battery"

MAKE = """
import json
from vestnik.access.models import User
for name, role in json.loads({people!r}):
    user, _ = User.objects.get_or_create(username=name)
    user.role = role
    user.set_password({password!r})
    user.save()
"""


def make_users(stack: RunningStack, *people: tuple[str, str]) -> None:
    """Make users, given as name and role, in the stack's database; PASSWORD is everybody's.

    The `admin` that a new stack comes with is one of them.
    """
    script = MAKE.format(people=json.dumps(people), password=PASSWORD)
    made = stack.vestnik("manage", "shell", "--no-imports", "-c", script)
    assert made.returncode == 0, made.stderr


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
