"""A file that is handed in, and how it is to be read."""

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
from vestnik.middleware.concurrency_limit import content_length

MIB = 2**20
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
NOT_TEXT = "Names hold a NUL or half of a surrogate pair: write them without."
CHOSEN = ("sheet", "header_line", "numbers_without_code", "numbers_without_sms", "types")
MAPPING = 'Give an object as JSON, for example {"Телефон": "phone_number", "Город": "city"}.'
REPEATED = "This field is given more than once: give it once."

TYPES = f'Name types: {", ".join(Type.values)}, for example {{"born": "date"}}.'


def _is_text(written: str) -> bool:
    """Whether the database can hold it."""
    return not UNSTORABLE.search(written)


class FileParser(MultiPartParser):
    """A form with a file, as large as the address takes."""

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        if content_length((parser_context or {})["request"].META) > MOST_FORM_BYTES:
            raise TooLarge(f"Send at most {MOST_BYTES // MIB} MiB at once.")
        parsed = super().parse(stream, media_type, parser_context)
        _check_each_is_given_once(parsed.data, parsed.files)
        return parsed


def _check_each_is_given_once(*parts: MultiValueDict[str, Any]) -> None:
    """Of several values with one name all but the last would be ignored."""
    repeated = {name for part in parts for name, values in part.lists() if len(values) > 1}
    if repeated:
        raise serializers.ValidationError({name: [REPEATED] for name in repeated})


class Mapped(serializers.CharField):
    """A JSON object from columns to what they are, as a form has it."""

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
    """A JSON object from attributes to their types, as a form has it."""

    def to_internal_value(self, data: Any) -> Any:
        found = super().to_internal_value(data)
        if not set(found.values()) <= {*Type.values, ""}:
            raise serializers.ValidationError(TYPES)
        return found


@extend_schema_serializer(component_name="File")
class FileBody(StrictSerializer):
    """A file, and how to read it where that is not to be found out."""

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
        tuple(ENCODINGS), required=False, help_text="Of a CSV file. Else found out."
    )
    separator = serializers.ChoiceField(
        tuple(SEPARATORS), required=False, help_text="Else found out."
    )
    sheet = serializers.CharField(
        required=False,
        max_length=255,
        trim_whitespace=False,
        help_text="Of a workbook, by its name. Else the first one that is not hidden and holds "
        "rows, with those that have the same header.",
    )
    header_line = serializers.IntegerField(
        required=False,
        min_value=0,
        max_value=2**20,
        help_text="The line of the header; 0 where there is none. Else found out.",
    )
    mapping = Mapped(
        required=False,
        help_text="What columns are, by name or number from 1, as JSON: phone_number, "
        "operator_code, tag, timezone, the name of an attribute, or an empty text to leave it out.",
    )
    types = Types(
        required=False,
        help_text="What attributes are, by their names, as JSON: text, number, date or boolean, or "
        "an empty text to read each cell for itself. A row with a cell that does not fit is "
        "refused. A declared type (attributes/) goes before it. Of others dates and numbers are "
        "recognised by the first rows.",
    )
    numbers_without_code = serializers.ChoiceField(
        WITHOUT_CODE,
        required=False,
        help_text="Numbers without +7 (8XXXXXXXXXX, ten digits): `complete` those that can only be "
        "one number, as by default, or `refuse` them.",
    )
    numbers_without_sms = serializers.ChoiceField(
        WITHOUT_SMS,
        required=False,
        help_text="Landline and toll-free numbers, which get no SMS: `accept` and never send to "
        "them, or `refuse`. Left out, NUMBERS_WITHOUT_SMS of the service holds.",
    )
    preview = serializers.BooleanField(
        default=False, help_text="Only say how the first ten rows would be read."
    )

    def options(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        chosen = {name: fields[name] for name in CHOSEN if name in fields}
        return {
            "encoding": fields.get("encoding", ""),
            "separator": SEPARATORS.get(fields.get("separator", ""), ""),
            "mapping": fields.get("mapping", {}),
            **chosen,
        }
