"""Create and change one client, for the API and for the pages."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.db import IntegrityError, transaction

from vestnik.audience.attribute_types import check_types
from vestnik.audience.models import Client, ZoneSource, default_timezone
from vestnik.audience.numbering.register import zone_near
from vestnik.audience.stop_list import recall
from vestnik.audience.validation import completed, follow_number
from vestnik.db.errors import retry_on_conflict


class NumberTaken(Exception):
    """Raised when another client has this number."""


@retry_on_conflict
def create(fields: Mapping[str, Any]) -> Client:
    """Create a client of validated fields; derive what is missing from the number.

    Raises NumberTaken, and ValidationError if an attribute is not of its declared type.
    """
    check_types(fields.get("attributes", {}))
    with _unique_number():
        client = Client.objects.create(**placed(completed(fields)))
        recall([client.phone_number])
    return client


@retry_on_conflict
def change(client: Client, changes: Mapping[str, Any]) -> None:
    """Change some fields; the operator code follows a new number unless it was ported.

    Raises NumberTaken, and ValidationError like `create`.
    """
    with _unique_number():
        # Derived fields depend on the row as it is now: it may have changed since it was read.
        if now := _locked(client.id):
            _set(now, _zone_followed(now, changes))


@retry_on_conflict
def replace(client_id: int, fields: Mapping[str, Any]) -> None:
    """Set only these fields. Raises NumberTaken, and ValidationError like `create`."""
    with _unique_number():
        if now := _locked(client_id):
            _set(now, fields)


def _locked(client_id: int) -> Client | None:
    """Return the client with its row locked; None if it was deleted."""
    return Client.objects.select_for_update().filter(id=client_id).first()


def _set(client: Client, fields: Mapping[str, Any]) -> None:
    if "attributes" in fields:
        check_types(fields["attributes"], client.attributes)
    Client.objects.filter(id=client.id).update(**fields)
    if "phone_number" in fields:
        recall([fields["phone_number"]])


def placed(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a client with a time zone.

    It is the given one, else that of the number's region, else the deployment's.
    """
    if "timezone" in fields:
        return {"timezone_source": ZoneSource.GIVEN, **fields}
    near = zone_near(fields["phone_number"])
    source = ZoneSource.NUMBER if near else ZoneSource.ASSUMED
    return {**fields, "timezone": near or default_timezone(), "timezone_source": source}


def _zone_followed(client: Client, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the changes; a zone that was derived from the number follows a new number."""
    fields = follow_number(client.phone_number, client.operator_code, changes)
    derived = (ZoneSource.NUMBER, ZoneSource.ASSUMED)
    if "timezone" in fields:
        return {"timezone_source": ZoneSource.GIVEN, **fields}
    return (
        placed(fields) if _is_new(client, fields) and client.timezone_source in derived else fields
    )


def _is_new(client: Client, fields: Mapping[str, Any]) -> bool:
    return bool(fields.get("phone_number", client.phone_number) != client.phone_number)


@contextmanager
def _unique_number() -> Iterator[None]:
    """Open a transaction that turns a violation of the unique number into NumberTaken."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        # Other constraints repeat what validation has checked, so their violation is a bug.
        if "phone_number" not in str(error):
            raise
        raise NumberTaken from None
