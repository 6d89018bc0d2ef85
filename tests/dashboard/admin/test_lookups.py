"""Nobody reads a secret letter by letter through the addresses of Django's admin."""

from collections.abc import Iterator

import pytest
from django.contrib import admin
from django.db import models
from django.test import Client as Browser
from django.test import RequestFactory

from vestnik.access.models import ApiKey, User

pytestmark = pytest.mark.django_db

SECRETS = {"password", "session_key", "session_data", "digest", "phone_hash", "hint", "body"}


def lookups(model: type[models.Model], before: str = "", depth: int = 3) -> Iterator[str]:
    """The way to each secret column, through up to so many tables."""
    for field in model._meta.get_fields():
        if field.is_relation and depth and field.related_model:
            yield from lookups(field.related_model, f"{before}{field.name}__", depth - 1)
        elif field.name in SECRETS:
            yield f"{before}{field.name}__startswith"


def test_no_secret_is_looked_up_whatever_the_table() -> None:
    request = RequestFactory().get("/")
    ways = {
        (model, way): site.lookup_allowed(way, "a", request)
        for model, site in admin.site._registry.items()
        for way in lookups(model)
    }

    assert len(ways) > 20
    assert not [way for way, allowed in ways.items() if allowed]


@pytest.mark.parametrize(
    "address",
    [
        "access/user/?sessions__session_key__startswith=a",
        "access/user/?password__startswith=a",
        "access/apikey/?digest__startswith=a",
        "auth/group/?user__password__startswith=a",
        "api/idempotencyrecord/?api_key__digest__startswith=a",
    ],
)
def test_such_an_address_is_refused(address: str) -> None:
    reader = User.objects.create_user("anna", password="x", role="admin", is_staff=True)
    ApiKey.objects.issue(name="x", role="viewer")
    opened = Browser()
    opened.force_login(reader)

    assert opened.get(f"/admin/{address}").status_code == 400
    assert opened.get("/admin/access/user/?role__exact=admin&is_active__exact=1").status_code == 200
