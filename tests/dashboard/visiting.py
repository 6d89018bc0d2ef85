"""Somebody with a browser."""

from typing import Any

from django.test import Client as Browser

from vestnik.access.models import User

PASSWORD = "correct horse battery"


def make_user(name: str = "anna", role: str = "operator", **fields: Any) -> User:
    return User.objects.create_user(name, password=PASSWORD, role=role, **fields)


def visitor(user: User | None = None, **headers: str) -> Browser:
    """A browser in English; of that user, if one is given."""
    opened = Browser(headers={"accept-language": "en", "accept": "text/html", **headers})
    if user:
        opened.force_login(user)
    return opened


def log_in(name: str = "anna", password: str = PASSWORD, **extra: Any) -> Any:
    """Log in by the form; the browser and what it was answered."""
    opened = visitor()
    return opened, opened.post("/login/", {"username": name, "password": password}, **extra)
