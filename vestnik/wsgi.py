"""The WSGI application, for gunicorn or any other server."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vestnik.settings")

import vestnik.celery  # noqa: F401  (hints are published by the default application)
from vestnik import env
from vestnik.gate import REQUESTS, at_most

application = at_most(REQUESTS, get_wsgi_application())
env.require_secret_key()
