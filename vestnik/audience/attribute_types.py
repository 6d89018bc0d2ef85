"""Declared types of attributes: one type per attribute for the whole deployment.

The API, the pages and imports refuse a value of another type and name it. Values that clients had
before the declaration stay as they are, and are counted.
"""

import json
from collections.abc import Mapping
from datetime import date
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connection, models
from django.db.models.functions import Now
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

#: Characters of an attribute's name.
LONGEST_NAME = 200
#: Declared types are read with each import and each change of a client, so their number is limited.
MOST_DECLARED = 1000
#: Misfits are listed up to this number; finding all of them would read the whole directory.
MOST_COUNTED = 1000
#: The length of YYYY-MM-DD.
DAY = 10

# The JSON type of each declared type; a date's form is tested as well.
KINDS = {"text": "string", "number": "number", "date": "string", "boolean": "boolean"}
#: Values of another JSON type, and texts that do not begin like a date.
MISFITS = """
SELECT id, attributes -> %(name)s FROM audience_client
WHERE attributes ? %(name)s AND jsonb_typeof(attributes -> %(name)s) NOT IN ('null', %(kind)s)
    OR %(type)s = 'date' AND attributes ->> %(name)s !~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}($|[T ])'
LIMIT %(most)s
"""


class Type(models.TextChoices):
    """The type of a value. A date may have a time of day: `2026-03-31`, `2026-03-31T10:00:00`."""

    TEXT = "text", pgettext_lazy("kind of value", "text")
    NUMBER = "number", pgettext_lazy("kind of value", "number")
    DATE = "date", pgettext_lazy("kind of value", "date")
    BOOLEAN = "boolean", _("yes or no")


REMEDIES: dict[str, Promise] = {
    Type.TEXT: _("Give a text: that is the declared type of this attribute."),
    Type.NUMBER: _("Give a number: that is the declared type of this attribute."),
    Type.DATE: _("Give a date as 2026-03-31: that is the declared type of this attribute."),
    Type.BOOLEAN: _("Give true or false: that is the declared type of this attribute."),
}


class AttributeType(models.Model):
    """An attribute with a declared type."""

    name = models.CharField(max_length=LONGEST_NAME, unique=True)
    type = models.CharField(max_length=7, choices=Type.choices)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                name="attribute_type_known", condition=models.Q(type__in=Type.values)
            )
        ]

    def __str__(self) -> str:
        return f"{self.name}: {self.type}"


def declared_types() -> dict[str, str]:
    """Return the declared types by the names of attributes."""
    return dict(AttributeType.objects.values_list("name", "type"))


def fits(value: object, type: str) -> bool:
    """Return whether a stored value is of the type. Null is no value and fits every type."""
    if value is None:
        return True
    match type:
        case Type.NUMBER:
            # In Python a bool is an int; in JSON `true` is no number.
            return isinstance(value, int | float) and not isinstance(value, bool)
        case Type.BOOLEAN:
            return isinstance(value, bool)
        case Type.DATE:
            return isinstance(value, str) and _is_date(value)
    return isinstance(value, str)


def _is_date(text: str) -> bool:
    if text[4:5] != "-" or text[DAY : DAY + 1] not in ("", "T", " "):
        return False
    try:
        return date.fromisoformat(text[:DAY]).isoformat() == text[:DAY]
    except ValueError:
        return False


def check_types(
    attributes: Mapping[str, Any],
    before: Mapping[str, Any] | None = None,
    types: Mapping[str, str] | None = None,
) -> None:
    """Raise ValidationError that names an attribute whose new value has another type.

    Without `types` the declared types are read from the database.
    """
    types = declared_types() if types is None else types
    for name, type in types.items():
        value = attributes.get(name)
        # A value from before the declaration must not block a change of another field.
        is_kept = before is not None and name in before and before[name] == value
        if not is_kept and not fits(value, type):
            raise ValidationError({"attributes": f"{name}: {REMEDIES[type]}"})


def misfits(name: str, type: str) -> list[tuple[int, Any]]:
    """Return ids and values of clients whose value has another type; at most MOST_COUNTED."""
    parameters: dict[str, Any] = {
        "name": name,
        "kind": KINDS[type],
        "type": type,
        "most": MOST_COUNTED,
    }
    with connection.cursor() as cursor:
        cursor.execute(MISFITS, parameters)
        return [(id, json.loads(value)) for id, value in cursor.fetchall()]
