"""Strict validation of requests: fields that accept only their own type, and a serializer that
refuses unknown keys."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from django.db.models import Model
from django.http import QueryDict
from django.utils.dateparse import parse_datetime
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from vestnik.api.http.parsers import MOST_ERRORS, problem_with
from vestnik.audience.phone import validate_operator_code, validate_phone_number
from vestnik.audience.validation import validate_attributes

COMMON: dict[str, Any] = {
    "required": "This field is required: give it.",
    "null": "Give a value, or leave the field out: it may not be null.",
    "blank": "Give a value, or leave the field out: it may not be empty.",
}


class Text(serializers.CharField):
    """A string: not stripped, and never converted from a number."""

    default_error_messages = {
        **COMMON,
        "invalid": "Give a string.",
        "max_length": "Shorten it to at most {max_length} characters.",
    }

    def __init__(self, *, rule: Callable[[str], None] | None = None, **kwargs: Any) -> None:
        kwargs.setdefault("trim_whitespace", False)
        super().__init__(**kwargs)
        if rule is not None:
            self.validators.append(rule)

    def run_validation(self, data: Any = serializers.empty) -> Any:
        if isinstance(data, str):
            if remedy := problem_with(data):
                raise serializers.ValidationError(remedy)
        elif data is not None and data is not serializers.empty:
            self.fail("invalid")
        return super().run_validation(data)


@extend_schema_field({"type": "string", "pattern": "^7[0-9]{10}$", "example": "79261234567"})
class PhoneNumber(Text):
    """A phone number as it is stored."""

    def __init__(self, *, rule: Callable[[str], None] = validate_phone_number, **kwargs: Any):
        super().__init__(rule=rule, **kwargs)


class PhoneNumbers(serializers.ListField):
    """A list of 1 to `most` phone numbers."""

    def __init__(self, *, most: int, **kwargs: Any) -> None:
        some = f"Give a list of 1 to {most} numbers."
        wrong = dict.fromkeys(("null", "not_a_list", "min_length", "max_length"), some)
        super().__init__(
            child=PhoneNumber(),
            min_length=1,
            max_length=most,
            error_messages={"required": COMMON["required"], **wrong},
            **kwargs,
        )

    def to_internal_value(self, data: Any) -> Any:
        """Check the length first, so that a list that is too long is not validated item by item."""
        if isinstance(data, list) and len(data) > (self.max_length or 0):
            self.fail("max_length")
        return super().to_internal_value(data)


@extend_schema_field({"type": "string", "pattern": "^[0-9]{3}$", "example": "926"})
class OperatorCode(Text):
    """Three digits."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(rule=validate_operator_code, **kwargs)


class StrictInteger(serializers.IntegerField):
    """A JSON integer."""

    default_error_messages = {
        **COMMON,
        "invalid": "Give a whole number.",
        "max_value": "Give at most {max_value}.",
        "min_value": "Give at least {min_value}.",
    }

    def to_internal_value(self, data: Any) -> int:
        whole = isinstance(data, int) or (isinstance(data, float) and data.is_integer())
        if isinstance(data, bool) or not whole:
            self.fail("invalid")
        return int(data)


class StrictBoolean(serializers.BooleanField):
    """A JSON boolean."""

    default_error_messages = {**COMMON, "invalid": "Give true or false."}

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid")
        return data


class QueryBoolean(serializers.BooleanField):
    """A boolean in the query string."""

    default_error_messages = {**COMMON, "invalid": "Write true or false."}

    def to_internal_value(self, data: Any) -> bool:
        if data not in ("true", "false"):
            self.fail("invalid")
        return bool(data == "true")


class QueryInteger(serializers.IntegerField):
    """An integer in the query string."""

    default_error_messages = StrictInteger.default_error_messages

    def to_internal_value(self, data: Any) -> int:
        digits = str(data)
        if not (digits.isascii() and digits.isdigit() and len(digits) < 20):
            self.fail("invalid")
        return int(digits)


class Price(serializers.DecimalField):
    """An amount in the provider's currency, or null."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_digits=None, decimal_places=None, allow_null=True, **kwargs)


class Instant(serializers.DateTimeField):
    """An instant with an offset, answered in UTC."""

    default_error_messages = {
        **COMMON,
        "invalid": "Write an instant with its offset: 2026-11-24T12:00:00+03:00.",
        "naive": "Add the offset, for example 2026-11-24T12:00:00+03:00 or …Z.",
    }

    timezone = UTC

    def to_internal_value(self, value: Any) -> datetime:
        if not isinstance(value, str) or (parsed := _parsed(value)) is None:
            self.fail("invalid")
        if parsed.tzinfo is None:
            self.fail("naive")
        try:
            return parsed.astimezone(UTC)
        except OverflowError:
            self.fail("invalid")


def _parsed(value: str) -> datetime | None:
    try:
        return parse_datetime(value.upper())
    except ValueError:
        return None


@extend_schema_field({"type": "object", "additionalProperties": True})
class Attributes(serializers.JSONField):
    """A JSON object."""

    default_error_messages = COMMON

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.validators.append(validate_attributes)


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses unknown keys, and names the known ones."""

    default_error_messages = {"invalid": "Give an object.", "null": "Give an object."}

    def to_internal_value(self, data: Any) -> Any:
        unknown = self._unknown(data) if isinstance(data, Mapping) else {}
        try:
            value = super().to_internal_value(data)
        except serializers.ValidationError as error:
            if isinstance(error.detail, dict):
                raise serializers.ValidationError({**error.detail, **unknown}) from None
            raise
        if unknown:
            raise serializers.ValidationError(unknown)
        return value

    def _unknown(self, data: Mapping[str, Any]) -> dict[str, list[str]]:
        known = [name for name, field in self.fields.items() if not field.read_only]
        remedy = "There is no such field here. Known fields: {}.".format(", ".join(known) or "none")
        unchangeable = "This field is set by the service: leave it out."
        unknown = (name for name in data if name not in known)
        return {
            str(name): [unchangeable if name in self.fields else remedy]
            for name in islice(unknown, MOST_ERRORS)
        }


class NoBody(StrictSerializer):
    """The body of a request that takes none."""


def validate_query(query: type[StrictSerializer], parameters: QueryDict) -> dict[str, Any]:
    """Validate the query parameters; each may occur once."""
    repeated = [name for name in parameters if len(parameters.getlist(name)) > 1]
    if repeated:
        raise serializers.ValidationError({name: ["Give it once."] for name in repeated})
    return validate(query, parameters.dict())


def validate(
    body: type[StrictSerializer], data: Any, instance: Model | None = None
) -> dict[str, Any]:
    """Validate a body, as changes to `instance` if there is one.

    Raises ValidationError naming each invalid field.
    """
    sent = [] if data is None else data  # null is refused like any value that is not an object
    serializer = body(instance, data=sent, partial=instance is not None)
    serializer.is_valid(raise_exception=True)
    checked: dict[str, Any] = serializer.validated_data
    return checked
