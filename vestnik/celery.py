"""The Celery application, configured by Django's settings."""

import os
import sys

from celery import Celery
from celery.signals import beat_init, setup_logging, worker_init, worker_ready
from django.core.exceptions import ImproperlyConfigured

from vestnik.readiness import announce

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vestnik.settings")

app = Celery("vestnik")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["vestnik.dispatch.runtime", "vestnik.reports"])
# For all threads, not only for this one: other modules publish by `celery.current_app`.
app.set_default()


@setup_logging.connect
def leave_logging_alone(**_signal: object) -> None:
    """Keep Django's LOGGING: with a receiver of this signal, Celery configures no logging."""


@worker_init.connect
def wait_for_database(**_signal: object) -> None:
    """Wait until the database is migrated, also in a worker started by Celery's own command."""
    from vestnik import env
    from vestnik.db import sessions
    from vestnik.stack import setup, wait_for
    from vestnik.stack.errors import StackError

    try:
        env.require_secret_key()
        wait_for.for_database()
        setup.refuse_forgetful_database()
    except (StackError, ImproperlyConfigured) as error:
        sys.exit(f"vestnik: {error}")  # Celery would log any other exception and continue
    sessions.limit()
    wait_for.close_connections()


@worker_ready.connect
@beat_init.connect
def say_ready(**_signal: object) -> None:
    """Report readiness to the supervisor, if there is one."""
    announce()
