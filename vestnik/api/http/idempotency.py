"""`Idempotency-Key`: a repeated creation creates one object and gets the same response.

The response is stored in the transaction that creates the object (decision 0081).
"""

import hashlib
import json
import re
from collections.abc import Callable
from datetime import timedelta
from functools import partial, wraps
from typing import Any, Concatenate, TypeVar

from django.db import connection, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from vestnik.access.models import ApiKey
from vestnik.api.http.exceptions import Conflict, KeyReused
from vestnik.api.models import IdempotencyRecord

HEADER = "Idempotency-Key"
SAFE_METHODS = ("GET", "HEAD")
REPLAYED_HEADER = "Idempotency-Replayed"
#: How long a response is stored. The API's description promises it.
RETENTION = timedelta(hours=24)
NOT_HERE = "This address takes no such key: leave the header out. Only creations take one."
#: Expired records deleted by one creation, so that pruning needs no job.
PRUNED_AT_ONCE = 100
ERASED = (
    f"The object created with this {HEADER} was erased, and nothing is created now: "
    "use a new key to create it again."
)
# One 64-bit lock for each pair of API key and idempotency key; a collision of the hash refuses one
# of two concurrent requests with 409, which its client repeats.
KEY_FORMAT = re.compile(r"[\x21-\x7e]{1,255}")
LOCK = "SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))"

IDEMPOTENCY_KEY = OpenApiParameter(
    HEADER,
    {"type": "string", "pattern": "^[!-~]{1,255}$"},
    OpenApiParameter.HEADER,
    description=(
        "Any string. A request with the same key and body within 24 hours creates nothing and "
        f"gets the same response, with the header {REPLAYED_HEADER}: true. With another body the "
        "response is 422; while the first request is still running, it is 409."
    ),
)

#: For requests that are idempotent by nature, such as state changes: clients may send a key with
#: every request, and must be able to stop a mailing.
KEY_WITHOUT_EFFECT = OpenApiParameter(
    HEADER,
    {"type": "string"},
    OpenApiParameter.HEADER,
    description=(
        "Accepted and not needed: a repeated request has no further effect. No response is "
        "stored, so a repetition is carried out again if the state has changed meanwhile."
    ),
)

View = TypeVar("View")


def create_once(
    create: Callable[Concatenate[View, Request, ...], Response],
) -> Callable[Concatenate[View, Request, ...], Response]:
    """Answer a creation with the stored response of the same request, if there is one.

    The response is stored in the transaction that creates the object.
    """

    @wraps(create)
    def create_or_replay(view: View, request: Request, **address: Any) -> Response:
        name = request.headers.get(HEADER)
        if name is None:
            with transaction.atomic():
                return create(view, request, **address)
        if not KEY_FORMAT.fullmatch(name):
            remedy = "Use 1 to 255 visible ASCII characters."
            raise serializers.ValidationError({HEADER: [remedy]})
        with transaction.atomic():
            return _create_or_replay(request, name, partial(create, view, request, **address))

    create_or_replay.honours_key = True  # type: ignore[attr-defined]  # StrictAPIView reads it
    return create_or_replay


def _create_or_replay(request: Request, name: str, create: Callable[[], Response]) -> Response:
    key: Any = request.user
    fingerprint = _fingerprint(request)
    _lock_key(key, name)
    record = _records(key, name).first()
    if record is None:
        _prune(key, name)
        response = create()
        _store(key, name, fingerprint, response)
        return response
    if not record.fingerprint:
        raise Conflict(ERASED)
    if record.fingerprint != fingerprint:
        raise KeyReused(f"This {HEADER} was used for another request: choose a new one.")
    headers = {REPLAYED_HEADER: "true", "Location": record.location}
    return Response(json.loads(record.body), status=record.status, headers=headers)


def _lock_key(key: ApiKey, name: str) -> None:
    """Lock the API key's idempotency key until the end of the transaction."""
    with connection.cursor() as cursor:
        cursor.execute(LOCK, [f"idempotency {key.id} {name}"])
        if not cursor.fetchone()[0]:
            raise Conflict(f"A request with this {HEADER} is running: repeat it in a moment.")


def _fingerprint(request: Request) -> str:
    canonical = json.dumps([request.path, request.data], sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _records(key: ApiKey, name: str) -> QuerySet[IdempotencyRecord]:
    return IdempotencyRecord.objects.filter(api_key=key, key=name, created_at__gt=Now() - RETENTION)


def _prune(key: ApiKey, name: str) -> None:
    """Delete the key's expired record and some other expired records."""
    IdempotencyRecord.objects.filter(api_key=key, key=name).delete()
    past = IdempotencyRecord.objects.filter(created_at__lte=Now() - RETENTION)
    some = past.order_by("created_at").select_for_update(skip_locked=True)[:PRUNED_AT_ONCE]
    IdempotencyRecord.objects.filter(id__in=[record.id for record in some]).delete()


def _store(key: ApiKey, name: str, fingerprint: str, response: Response) -> None:
    IdempotencyRecord.objects.create(
        api_key=key,
        key=name,
        fingerprint=fingerprint,
        status=response.status_code,
        body=JSONRenderer().render(response.data).decode(),
        location=response.headers.get("Location", ""),
    )
