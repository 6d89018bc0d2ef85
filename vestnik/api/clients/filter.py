"""The audience filter in requests and responses."""

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from vestnik.api.http.fields import COMMON
from vestnik.audience.filters.mailing_conditions import MOST_MAILINGS, WORDS
from vestnik.audience.filters.rules import (
    LONGEST_NAME,
    LONGEST_VALUE,
    MOST_ATTRIBUTES,
    MOST_VALUES,
    validate_filter,
)
from vestnik.audience.validation import LONGEST_TAG
from vestnik.db.keyset import MAX_ID

VALUE: dict[str, Any] = {
    "anyOf": [
        {"type": "string", "maxLength": LONGEST_VALUE},
        {"type": "number"},
        {"type": "boolean"},
    ]
}
PRESENT = {"present": {"type": "boolean"}}


def _between(bound: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {"gte": bound, "lte": bound, **PRESENT},
        "additionalProperties": False,
    }


COMPARISON = {
    "description": "Both bounds are numbers, or both are dates. The bounds are included.",
    "anyOf": [_between({"type": "number"}), _between({"type": "string", "format": "date"})],
}
KINDS: dict[str, Any] = {
    "operator_codes": {
        "type": "array",
        "items": {"type": "string", "pattern": "^[0-9]{3}$"},
        "maxItems": MOST_VALUES,
    },
    "tags": {
        "type": "array",
        "items": {"type": "string", "maxLength": LONGEST_TAG},
        "maxItems": MOST_VALUES,
    },
    "attributes": {
        "type": "object",
        "description": "The condition for each attribute: a value, a list of values, or a "
        "comparison.",
        "propertyNames": {"minLength": 1, "maxLength": LONGEST_NAME},
        "maxProperties": MOST_ATTRIBUTES,
        "additionalProperties": {
            "anyOf": [
                *VALUE["anyOf"],
                {"type": "array", "items": VALUE, "maxItems": MOST_VALUES},
                COMPARISON,
            ]
        },
    },
}
MAILING_IDS = {
    "type": "array",
    "items": {"type": "integer", "minimum": 1, "maximum": MAX_ID},
    "minItems": 1,
    "maxItems": MOST_MAILINGS,
}
KINDS["mailings"] = {
    "type": "object",
    "description": (
        "Clients who got one of these mailings (`got`: sent or delivered), wrote to us after one "
        "of them (`answered`), or got none of them (`not_got`: an unknown, queued or sending "
        "message counts as got). A client who was deleted and added again is a new client."
    ),
    "properties": dict.fromkeys(WORDS, MAILING_IDS),
    "additionalProperties": False,
}
SCHEMA = {
    "type": "object",
    "description": (
        "A client must match one value of each kind that is given. An empty object selects all "
        "clients; an empty list sets no condition. Tags and texts are compared without regard to "
        "case. Clients that match `exclude` are left out; an empty `exclude` leaves out none."
    ),
    "properties": {
        **KINDS,
        "exclude": {"type": "object", "properties": KINDS, "additionalProperties": False},
        "again": {
            "type": "object",
            "readOnly": True,
            "description": "Of a mailing created by send-again: the clients whom another mailing "
            "did not reach.",
            "properties": {
                "mailing": {"type": "integer"},
                "states": {"type": "array", "items": {"type": "string"}},
            },
        },
    },
    "additionalProperties": False,
}


@extend_schema_field(SCHEMA)
class Filter(serializers.Field[dict[str, Any], Any, dict[str, Any], Any]):
    """An audience filter. A response has every kind of condition, given or not."""

    default_error_messages = {**COMMON, "invalid": "Give an object; an empty one is everyone."}

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, Mapping):
            self.fail("invalid")
        return validate_filter(data)

    def to_representation(self, value: dict[str, Any]) -> dict[str, Any]:
        return {"operator_codes": [], "tags": [], "attributes": {}} | value
