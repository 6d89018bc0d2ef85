"""`Idempotency-Key`: a creation that is sent twice creates once, and is answered the same."""

import hashlib
import json
import re
from collections.abc import Callable, Iterable
from datetime import timedelta

from django.db import connection, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from vestnik.access.models import ApiKey
from vestnik.api.http.authentication import key_of
from vestnik.api.http.exceptions import Conflict, KeyReused
from vestnik.api.models import IdempotencyRecord

HEADER = "Idempotency-Key"
SAFE = ("GET", "HEAD")
REPLAYED = "Idempotency-Replayed"
KEPT_FOR = timedelta(hours=24)
CLEARED_AT_ONCE = 100
ERASED = (
    f"What was made under this {HEADER} was erased meanwhile, and nothing is made now: "
    "choose a new one to make it again."
)
FORM = re.compile(r"[\x21-\x7e]{1,255}")
LOCK = "SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))"

IDEMPOTENCY_KEY = OpenApiParameter(
    HEADER,
    {"type": "string", "pattern": "^[!-~]{1,255}$"},
    OpenApiParameter.HEADER,
    description=(
        "Any string of your own. Sent again within 24 hours with the same body, the request "
        f"creates nothing and gets the same answer, with the header {REPLAYED}: true. With "
        "another body it is answered 422, while the first is still under way 409."
    ),
)

#: For what is idempotent by nature, as orders are: clients may send a key with every request, and
#: must be able to stop a mailing.
KEY_WITHOUT_EFFECT = OpenApiParameter(
    HEADER,
    {"type": "string"},
    OpenApiParameter.HEADER,
    description=(
        "Accepted and not needed: repeating this request does nothing more while it is fulfilled. "
        "No answer is kept, so a repetition is carried out anew where that changed meanwhile."
    ),
)

Create = Callable[[Request], Response]


def check_key_taken(request: Request, methods: Iterable[str]) -> None:
    """Raises ValidationError for a key on a request that could have an effect twice in spite of it.

    `methods` are those that keep to a key or need none.
    """
    if HEADER in request.headers and request.method not in (*methods, *SAFE):
        remedy = "This address takes no such key: leave the header out. What creates takes one."
        raise serializers.ValidationError({HEADER: [remedy]})


def once(request: Request, create: Create) -> Response:
    """The answer of `create`, or the one that the same request got before.

    The record is kept in the transaction of what is created: neither is there without the other.
    """
    name = request.headers.get(HEADER)
    if name is None:
        with transaction.atomic():
            return create(request)
    if not FORM.fullmatch(name):
        remedy = "Use 1 to 255 visible ASCII characters."
        raise serializers.ValidationError({HEADER: [remedy]})
    with transaction.atomic():
        return _answer(request, name, create)


def _answer(request: Request, name: str, create: Create) -> Response:
    key, fingerprint = key_of(request), _fingerprint(request)
    _hold(key, name)
    kept = _kept(key, name).first()
    if kept is None:
        _clear(key, name)
        response = create(request)
        _keep(key, name, fingerprint, response)
        return response
    if not kept.fingerprint:
        raise Conflict(ERASED)
    if kept.fingerprint != fingerprint:
        raise KeyReused(f"This {HEADER} was used for another request: choose a new one.")
    headers = {REPLAYED: "true", "Location": kept.location}
    return Response(json.loads(kept.body), status=kept.status, headers=headers)


def _hold(key: ApiKey, name: str) -> None:
    """Until the end of the transaction nobody else answers this key's request of that name."""
    with connection.cursor() as cursor:
        cursor.execute(LOCK, [f"idempotency {key.id} {name}"])
        if not cursor.fetchone()[0]:
            raise Conflict(f"A request with this {HEADER} is under way: ask again in a moment.")


def _fingerprint(request: Request) -> str:
    said = json.dumps([request.path, request.data], sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()


def _kept(key: ApiKey, name: str) -> QuerySet[IdempotencyRecord]:
    return IdempotencyRecord.objects.filter(api_key=key, key=name, created_at__gt=Now() - KEPT_FOR)


def _clear(key: ApiKey, name: str) -> None:
    """Make room: this name's expired record, and some others that are past their time."""
    IdempotencyRecord.objects.filter(api_key=key, key=name).delete()
    past = IdempotencyRecord.objects.filter(created_at__lte=Now() - KEPT_FOR)
    some = past.order_by("created_at").select_for_update(skip_locked=True)[:CLEARED_AT_ONCE]
    IdempotencyRecord.objects.filter(id__in=[record.id for record in some]).delete()


def _keep(key: ApiKey, name: str, fingerprint: str, response: Response) -> None:
    IdempotencyRecord.objects.create(
        api_key=key,
        key=name,
        fingerprint=fingerprint,
        status=response.status_code,
        body=JSONRenderer().render(response.data).decode(),
        location=response.headers.get("Location", ""),
    )
