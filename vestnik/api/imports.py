"""Files of clients: handing them in, how far they are, and what was refused."""

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from django.http import HttpResponseBase, StreamingHttpResponse
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_serializer
from rest_framework import serializers, status
from rest_framework.exceptions import NotFound
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from vestnik.api.exports import Whatever
from vestnik.api.fields import COMMON, Instant, StrictSerializer
from vestnik.api.refusals import TooLarge
from vestnik.api.resource import Resource, actor, read
from vestnik.audience.attribute_types import Type
from vestnik.audience.importing import stored
from vestnik.audience.importing.cells import harmless
from vestnik.audience.importing.encodings import ENCODINGS
from vestnik.audience.importing.errors import FileProblem
from vestnik.audience.importing.formats import MOST_BYTES, MOST_FORM_BYTES, SEPARATORS
from vestnik.audience.importing.options import Options
from vestnik.audience.importing.staging import MOST_REMARKS
from vestnik.audience.imports import Import, ImportState, Into
from vestnik.audience.phone import WITHOUT_CODE, WITHOUT_SMS
from vestnik.dispatch.importing import look_at
from vestnik.gate import content_length

MIB = 2**20
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
NOT_TEXT = "Names hold a NUL or half of a surrogate pair: write them without."
CHOSEN = ("sheet", "header_line", "numbers_without_code", "numbers_without_sms", "types")
MAPPING = 'Give an object as JSON, for example {"Телефон": "phone_number", "Город": "city"}.'

TYPES = f'Name types: {", ".join(Type.values)}, for example {{"born": "date"}}.'

ANSWERED = {
    "id": 7,
    "into": "clients",
    "state": "done",
    "file_name": "clients.csv",
    "size": 61234567,
    "percent": 100,
    "rows": 1000000,
    "created": 990000,
    "updated": 9000,
    "unchanged": 900,
    "duplicates": 60,
    "refused": 40,
    "without_sms": 120,
    "misfits": 1,
    "remarks": [
        {
            "line": 32,
            "attribute": "born",
            "reason": "born: This is no date: write it as 2026-03-31 or 31.03.2026.",
        }
    ],
    "error": "",
    "read_as": {
        "encoding": "utf-8",
        "separator": ";",
        "sheets": [],
        "unread_sheets": [],
        "header_line": 1,
    },
    "created_at": "2026-11-24T09:00:00Z",
    "started_at": "2026-11-24T09:00:00.100000Z",
    "finished_at": "2026-11-24T09:00:31Z",
}


def _is_text(written: str) -> bool:
    """Whether the database can hold it."""
    return not UNSTORABLE.search(written)


class FileParser(MultiPartParser):
    """A form with a file, as large as the address takes."""

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        if content_length((parser_context or {})["request"].META) > MOST_FORM_BYTES:
            raise TooLarge(f"Send at most {MOST_BYTES // MIB} MiB at once.")
        return super().parse(stream, media_type, parser_context)


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


class ReadAs(serializers.Serializer[Any]):
    """How a file was read."""

    encoding = serializers.CharField(default="", help_text="Empty of a workbook.")
    separator = serializers.CharField(default="", trim_whitespace=False)
    sheets = serializers.ListField(child=serializers.CharField(), default=list)
    unread_sheets = serializers.ListField(child=serializers.CharField(), default=list)
    header_line = serializers.IntegerField(
        default=None, allow_null=True, help_text="0 where the file has no header."
    )


class ImportRemark(serializers.Serializer[Any]):
    """A cell that was imported as it is, since it does not fit the type of its column."""

    line = serializers.IntegerField()
    attribute = serializers.CharField()
    reason = serializers.CharField(help_text="Why it does not fit, with the remedy.")


@extend_schema_serializer(
    component_name="Import", examples=[OpenApiExample("Done", ANSWERED, response_only=True)]
)
class ImportShown(serializers.Serializer[Any]):
    """A file that was handed in, how far it is, and what became of its rows."""

    id = serializers.IntegerField()
    into = serializers.ChoiceField(Into.choices)
    state = serializers.ChoiceField(
        ImportState.choices, help_text="Of one that failed nothing was taken."
    )
    file_name = serializers.CharField()
    size = serializers.IntegerField(help_text="Bytes.")
    percent = serializers.IntegerField(help_text="How much of the file is read.")
    rows = serializers.IntegerField(help_text="Rows read, the header not counted.")
    created = serializers.IntegerField()
    updated = serializers.IntegerField()
    unchanged = serializers.IntegerField(help_text="Known already, just so.")
    duplicates = serializers.IntegerField(help_text="Number was in an earlier row of the file.")
    refused = serializers.IntegerField(help_text="Rows that are wrong: see refused/.")
    without_sms = serializers.IntegerField(
        help_text="Of those taken, landline and toll-free numbers: they are never sent to."
    )
    misfits = serializers.IntegerField(
        help_text="Of those taken, cells that do not fit the recognised type of their column: they "
        "stay texts, and ranges do not find them. Say the type in `types` to refuse such rows."
    )
    remarks = ImportRemark(
        many=True,
        source="readable_remarks",
        help_text=f"The first {MOST_REMARKS} of the misfits.",
    )
    error = serializers.CharField(help_text="Why the whole file was refused.")
    read_as = ReadAs(help_text="How the file was read. Empty until it is.")
    created_at = Instant()
    started_at = Instant(allow_null=True)
    finished_at = Instant(allow_null=True)


class Column(serializers.Serializer[Any]):
    """A column of a file."""

    header = serializers.CharField()
    meaning = serializers.CharField(help_text="A field, `attributes.NAME`, or nothing.")
    type = serializers.CharField(
        allow_blank=True, help_text="Of an attribute, declared, said or recognised; else empty."
    )


class PreviewedRow(serializers.Serializer[Any]):
    """A row as it would be taken, or why not."""

    line = serializers.IntegerField()
    phone_number = serializers.CharField(allow_null=True)
    operator_code = serializers.CharField(allow_null=True)
    tag = serializers.CharField(allow_null=True)
    timezone = serializers.CharField(allow_null=True)
    attributes = serializers.SerializerMethodField()
    problem = serializers.CharField(allow_null=True)

    def get_attributes(self, row: Mapping[str, Any]) -> dict[str, Any]:
        return dict(json.loads(row["attributes"] or "{}"))


class PreviewedSheet(serializers.Serializer[Any]):
    """A sheet of a workbook."""

    name = serializers.CharField()
    is_hidden = serializers.BooleanField()
    is_read = serializers.BooleanField()


class Preview(serializers.Serializer[Any]):
    """How a file would be read."""

    format = serializers.CharField()
    encoding = serializers.CharField(allow_blank=True)
    separator = serializers.CharField(allow_blank=True, trim_whitespace=False)
    sheets = PreviewedSheet(many=True)
    header_line = serializers.IntegerField(help_text="0 where there is none.")
    columns = Column(many=True)
    rows = PreviewedRow(many=True)


class Imports(Resource):
    """Files of clients."""

    parser_classes = [FileParser]

    @extend_schema(
        request={"multipart/form-data": FileBody},
        responses={200: Preview, 202: ImportShown},
        operation_id="clients_import",
    )
    def post(self, request: Request) -> Response:
        """Hand in a CSV or XLSX file of clients.

        It is read in the background: the address in `Location` says how far it is. The file is
        taken over whole; rows that are wrong are left out, and listed under `refused/`. Of a
        client that is known already each attribute that the file gives is set and all others stay
        (`clients/bulk/` replaces them together instead); an empty cell changes nothing. With
        `preview` nothing is kept, and the first rows are answered as they would be read.
        """
        fields = read(FileBody, request.data)
        options = FileBody().options(fields)
        try:
            if fields["preview"]:
                found = stored.preview(fields["file"], Options(**options), fields["into"])
                return Response(Preview(found).data)
            return self._keep(request, fields, options)
        except FileProblem as error:
            raise serializers.ValidationError({"file": [str(error)]}) from None

    def _keep(
        self, request: Request, fields: Mapping[str, Any], options: dict[str, Any]
    ) -> Response:
        job = stored.store(
            fields["file"],
            file_name=fields["file"].name,
            into=fields["into"],
            options=options,
            actor=actor(request),
        )
        look_at(job.id)
        return Response(
            ImportShown(job_of(job.id)).data,
            status=status.HTTP_202_ACCEPTED,
            headers={"Location": reverse("import", args=[job.id])},
        )


class OneImport(Resource):
    """One file."""

    @extend_schema(responses=ImportShown, operation_id="clients_import_read")
    def get(self, request: Request, id: int) -> Response:
        """Read how far an import is, and what became of its rows."""
        return Response(ImportShown(job_of(id)).data)


class RefusedRows(Resource):
    """What was refused of a file."""

    content_negotiation_class = Whatever

    @extend_schema(
        responses={(200, "text/csv"): OpenApiTypes.STR}, operation_id="clients_import_refused"
    )
    def get(self, request: Request, id: int) -> HttpResponseBase:
        """Download the refused rows as CSV: the line, the reason, and the row's cells."""
        answer = StreamingHttpResponse(_refused(job_of(id)), content_type="text/csv; charset=utf-8")
        answer["Content-Disposition"] = f'attachment; filename="refused-{id}.csv"'
        return answer


def job_of(id: int) -> Import:
    """The import; raises NotFound where there is none."""
    job = Import.objects.filter(id=id).first()
    if job is None:
        raise NotFound
    return job


def _refused(job: Import) -> Iterator[str]:
    rows = job.refused_rows.order_by("line").values_list("line", "reason", "cells")
    yield "\ufeffline,reason,row\r\n"
    for line, reason, cells in rows.iterator(chunk_size=2000):
        written = io.StringIO()
        csv.writer(written).writerow([line, reason, *map(harmless, cells)])
        yield written.getvalue()
