"""Prepares a command: addresses, the secret key, Django, a database that answers."""

import os

from vestnik import env
from vestnik.readiness import is_supervised
from vestnik.stack.errors import StackError

NO_STACK = (
    "the stack is not running: start it with `make run` (or `vestnik up`), "
    "or set DATABASE_URL to your own server"
)


def need_secret() -> None:
    """Require SECRET_KEY: it signs sessions and keys the hashes of the stop list."""
    need_servers()
    env.require_secret_key()


def refuse_mistakes() -> None:
    """Refuse invalid settings. In a stack, `setup` has checked them already."""
    start_django()
    if not is_supervised():
        from vestnik.stack import setup

        setup.refuse_mistakes()


def need_database(*, strict: bool = True) -> None:
    """Set up Django and check that the database answers; the pool would report it after ten
    seconds."""
    start_django(strict=strict)
    if strict:
        from vestnik.stack import wait_for

        wait_for.for_connection(seconds=0)


def start_django(*, strict: bool = True) -> None:
    """Set up Django and the default Celery application in this process."""
    need_servers(strict=strict)
    import django

    import vestnik.celery  # noqa: F401  (wakeups are published by the default application)

    django.setup()


def need_servers(*, strict: bool = True) -> None:
    """Use the addresses of the running stack for those that are not configured."""
    from vestnik.stack import home

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vestnik.settings")
    environ = home.running(env.home()).get("environ", {})
    configured = {
        "DATABASE_URL": env.database_url(),
        "REDIS_URL": env.redis_url(),
        "SECRET_KEY": env.text("SECRET_KEY"),
    }
    os.environ.update({name: environ.get(name, "") for name, own in configured.items() if not own})
    if strict and not env.database_url():
        raise StackError(NO_STACK)
