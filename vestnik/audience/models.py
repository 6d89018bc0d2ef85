"""Clients, and the models of the neighbouring modules."""

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.functions import Lower, Now
from django.db.models.lookups import Exact

from vestnik.audience.attribute_types import AttributeType
from vestnik.audience.imports import (
    Import,
    ImportPiece,
    NumberingRegister,
    NumberRange,
    RefusedRow,
)
from vestnik.audience.phone import WITHOUT_SMS_FORM as WITHOUT_SMS
from vestnik.audience.phone import validate_operator_code, validate_phone_number
from vestnik.audience.saved_audiences import SavedAudience
from vestnik.audience.stop_list import StopListEntry
from vestnik.audience.validation import LONGEST_TAG, validate_attributes, validate_timezone

__all__ = [
    "AttributeType",
    "Client",
    "Import",
    "ImportPiece",
    "NumberRange",
    "NumberingRegister",
    "RefusedRow",
    "SavedAudience",
    "StopListEntry",
    "ZoneSource",
    "default_timezone",
    "zone_is_assumed",
]


class ZoneSource(models.TextChoices):
    """The source of a client's time zone."""

    GIVEN = "given", "Given"
    PLACE = "place", "By the city or region in a file"
    NUMBER = "number", "By the number's region"
    ASSUMED = "assumed", "Assumed: the deployment's own"


def default_timezone() -> str:
    """Return the zone of a client without a better known one."""
    return settings.TIME_ZONE


def zone_is_assumed() -> Q:
    """Return the condition of clients who get SMS and whose zone is unknown."""
    # A client of an earlier version with the deployment's zone may have been given it; that was not
    # recorded.
    before = Q(timezone_source="", timezone=default_timezone())
    gets_sms = ~Q(phone_number__regex=WITHOUT_SMS)
    return (Q(timezone_source=ZoneSource.ASSUMED) | before) & gets_sms


def _kind_of(field: str) -> Func:
    """Return the JSON type of a field: `object`, `array`, `null` and so on."""
    return Func(F(field), function="jsonb_typeof", output_field=models.TextField())


class Client(models.Model):
    """A person with a phone number."""

    phone_number = models.CharField(max_length=11, unique=True, validators=[validate_phone_number])
    operator_code = models.CharField(max_length=3, validators=[validate_operator_code])
    tag = models.CharField(max_length=LONGEST_TAG, blank=True, default="")
    timezone = models.CharField(
        max_length=64, default=default_timezone, validators=[validate_timezone]
    )
    #: The source of the zone; empty for a client from an earlier version.
    timezone_source = models.CharField(
        max_length=7, choices=ZoneSource.choices, blank=True, default="", db_default=""
    )
    attributes = models.JSONField(default=dict, blank=True, validators=[validate_attributes])
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["id"]
        indexes = [
            models.Index(fields=["operator_code"], name="client_operator_code"),
            models.Index(fields=["tag"], name="client_tag"),
            models.Index(Lower("tag"), name="client_tag_lower"),
            GinIndex(fields=["attributes"], name="client_attributes", opclasses=["jsonb_path_ops"]),
        ]
        constraints = [
            models.CheckConstraint(
                name="client_phone_number_form",
                condition=Q(phone_number__regex=r"^7[0-9]{10}$"),
            ),
            models.CheckConstraint(
                name="client_operator_code_form",
                condition=Q(operator_code__regex=r"^[0-9]{3}$"),
            ),
            models.CheckConstraint(name="client_timezone_given", condition=~Q(timezone="")),
            models.CheckConstraint(
                name="client_attributes_are_an_object",
                condition=Exact(_kind_of("attributes"), Value("object")),
            ),
        ]

    def __str__(self) -> str:
        return self.phone_number
