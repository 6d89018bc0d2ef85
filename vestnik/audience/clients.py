"""One client, made or changed: by the API and by the pages alike."""

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
    """Another client has this number."""


@retry_on_conflict
def create(fields: Mapping[str, Any]) -> Client:
    """Make a client of checked fields; what is not given is told by the number.

    Raises NumberTaken, and ValidationError where an attribute is not of its declared type.
    """
    check_types(fields.get("attributes", {}))
    with _the_number_being_free():
        client = Client.objects.create(**placed(completed(fields)))
        recall([client.phone_number])
    return client


@retry_on_conflict
def change(client: Client, changes: Mapping[str, Any]) -> None:
    """Change some fields; the operator code follows a new number unless it was ported.

    What follows is told by the client as they are once the row is locked: another change may have
    come since they were read. Raises NumberTaken, and ValidationError as `create`.
    """
    with _the_number_being_free():
        if now := _locked(client.id):
            _set(now, _zone_followed(now, changes))


@retry_on_conflict
def replace(client_id: int, fields: Mapping[str, Any]) -> None:
    """Set just these fields. Raises NumberTaken, and ValidationError as `create`."""
    with _the_number_being_free():
        if now := _locked(client_id):
            _set(now, fields)


def _locked(client_id: int) -> Client | None:
    """The client, whom nobody else changes meanwhile; None where they are deleted."""
    return Client.objects.select_for_update().filter(id=client_id).first()


def _set(client: Client, fields: Mapping[str, Any]) -> None:
    if "attributes" in fields:
        check_types(fields["attributes"], client.attributes)
    Client.objects.filter(id=client.id).update(**fields)
    if "phone_number" in fields:
        recall([fields["phone_number"]])


def placed(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a client with a time zone: given, else of the number's region, else usual."""
    if "timezone" in fields:
        return {"timezone_source": ZoneSource.GIVEN, **fields}
    near = zone_near(fields["phone_number"])
    source = ZoneSource.NUMBER if near else ZoneSource.ASSUMED
    return {**fields, "timezone": near or default_timezone(), "timezone_source": source}


def _zone_followed(client: Client, changes: Mapping[str, Any]) -> dict[str, Any]:
    """The changes; a zone that the number told, or nothing, follows a new number."""
    fields = follow_number(client.phone_number, client.operator_code, changes)
    told = (ZoneSource.NUMBER, ZoneSource.ASSUMED)
    if "timezone" in fields:
        return {"timezone_source": ZoneSource.GIVEN, **fields}
    return placed(fields) if _is_new(client, fields) and client.timezone_source in told else fields


def _is_new(client: Client, fields: Mapping[str, Any]) -> bool:
    return bool(fields.get("phone_number", client.phone_number) != client.phone_number)


@contextmanager
def _the_number_being_free() -> Iterator[None]:
    """A transaction that turns the unique constraint's refusal into NumberTaken."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        if "phone_number" not in str(error):
            raise
        raise NumberTaken from None
