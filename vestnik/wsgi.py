"""The WSGI application, for gunicorn or any other server."""

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vestnik.settings")

import vestnik.celery  # noqa: F401  (wake-ups are published by the default application)
from vestnik import env
from vestnik.db import sessions
from vestnik.middleware.concurrency_limit import REQUESTS, at_most

_answer = get_wsgi_application()
env.require_secret_key()
sessions.limit(statement=settings.WEB_REQUEST_SECONDS, lock=sessions.LOCK_SECONDS)
application = at_most(REQUESTS, _answer, seconds=settings.WEB_REQUEST_SECONDS)
