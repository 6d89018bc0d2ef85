"""Requests with a file to import, and the options of reading it."""

import json
import re
from collections.abc import Mapping
from typing import Any

from django.utils.datastructures import MultiValueDict
from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser

from vestnik.api.http.exceptions import TooLarge
from vestnik.api.http.fields import COMMON, StrictSerializer
from vestnik.audience.attribute_types import Type
from vestnik.audience.importing.csv.encodings import ENCODINGS
from vestnik.audience.importing.formats import MOST_BYTES, MOST_FORM_BYTES, SEPARATORS
from vestnik.audience.imports import Into
from vestnik.audience.phone import WITHOUT_CODE, WITHOUT_SMS
from vestnik.middleware.request_checks import content_length

MIB = 2**20
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
NOT_TEXT = "Names hold a NUL or half of a surrogate pair: write them without."
CHOSEN = ("sheet", "header_line", "numbers_without_code", "numbers_without_sms", "types")
MAPPING = 'Give an object as JSON, for example {"Телефон": "phone_number", "Город": "city"}.'
REPEATED = "This field is given more than once: give it once."

TYPES = f'Name types: {", ".join(Type.values)}, for example {{"born": "date"}}.'


def _is_text(written: str) -> bool:
    """Return whether the database can store the text."""
    return not UNSTORABLE.search(written)


class FileParser(MultiPartParser):
    """Parses a form with a file, up to MOST_FORM_BYTES."""

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        if content_length((parser_context or {})["request"].META) > MOST_FORM_BYTES:
            raise TooLarge(f"Send at most {MOST_BYTES // MIB} MiB at once.")
        parsed = super().parse(stream, media_type, parser_context)
        _check_each_is_given_once(parsed.data, parsed.files)
        return parsed


def _check_each_is_given_once(*parts: MultiValueDict[str, Any]) -> None:
    """Refuse repeated names, of which all values but the last would be ignored."""
    repeated = {name for part in parts for name, values in part.lists() if len(values) > 1}
    if repeated:
        raise serializers.ValidationError({name: [REPEATED] for name in repeated})


class Mapped(serializers.CharField):
    """A form field with a JSON object from columns to their meanings."""

    def to_internal_value(self, data: Any) -> Any:
        try:
            found = json.loads(str(data))
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict) or not all(isinstance(one, str) for one in found.values()):
            raise serializers.ValidationError(MAPPING)
        if not all(map(_is_text, [*found, *found.values()])):
            raise serializers.ValidationError(NOT_TEXT)
        return found

    def to_representation(self, value: Any) -> Any:
        return json.dumps(value)


class Types(Mapped):
    """A form field with a JSON object from attributes to their types."""

    def to_internal_value(self, data: Any) -> Any:
        found = super().to_internal_value(data)
        if not set(found.values()) <= {*Type.values, ""}:
            raise serializers.ValidationError(TYPES)
        return found


@extend_schema_serializer(component_name="File")
class FileBody(StrictSerializer):
    """A file, and the options of reading it. Options that are left out are detected."""

    file = serializers.FileField(
        allow_empty_file=True,
        max_length=255,
        error_messages={
            **COMMON,
            "invalid": "Send it as a file of the form.",
            "no_name": "Send it with its name.",
            "max_length": "Shorten its name to at most {max_length} characters.",
        },
        help_text="CSV or XLSX, up to 512 MiB, with a header.",
    )
    into = serializers.ChoiceField(Into.choices, default=Into.CLIENTS)
    encoding = serializers.ChoiceField(
        tuple(ENCODINGS), required=False, help_text="Of a CSV file. Detected if it is left out."
    )
    separator = serializers.ChoiceField(
        tuple(SEPARATORS), required=False, help_text="Of a CSV file. Detected if it is left out."
    )
    sheet = serializers.CharField(
        required=False,
        max_length=255,
        trim_whitespace=False,
        help_text="The name of a workbook's sheet. If it is left out, the first sheet that is not "
        "hidden and has rows is read, with all sheets that have the same header.",
    )
    header_line = serializers.IntegerField(
        required=False,
        min_value=0,
        max_value=2**20,
        help_text="The line of the header; 0 if there is none. Detected if it is left out.",
    )
    mapping = Mapped(
        required=False,
        help_text="The meaning of columns as a JSON object. Keys are names or numbers from 1; "
        "values are phone_number, operator_code, tag, timezone, the name of an attribute, or an "
        "empty text to leave the column out.",
    )
    types = Types(
        required=False,
        help_text="The types of attributes as a JSON object: text, number, date, boolean, or an "
        "empty text to read each cell by itself. A row with a cell that does not fit is refused. "
        "A declared type (attributes/) takes precedence. For other attributes, dates and numbers "
        "are recognised by the first rows.",
    )
    numbers_without_code = serializers.ChoiceField(
        WITHOUT_CODE,
        required=False,
        help_text="Numbers without +7 (8XXXXXXXXXX, ten digits): `complete` the unambiguous ones "
        "(the default), or `refuse` them.",
    )
    numbers_without_sms = serializers.ChoiceField(
        WITHOUT_SMS,
        required=False,
        help_text="Landline and toll-free numbers, which get no SMS: `accept` them and never "
        "send to them, or `refuse` them. The default is the service's NUMBERS_WITHOUT_SMS.",
    )
    preview = serializers.BooleanField(
        default=False, help_text="Return how the first ten rows would be read; import nothing."
    )

    def options(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        chosen = {name: fields[name] for name in CHOSEN if name in fields}
        return {
            "encoding": fields.get("encoding", ""),
            "separator": SEPARATORS.get(fields.get("separator", ""), ""),
            "mapping": fields.get("mapping", {}),
            **chosen,
        }
