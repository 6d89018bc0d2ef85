"""Responses about an import: the preview, the progress, and the results of the rows."""

import json
from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from vestnik.api.http.fields import Instant
from vestnik.api.http.reasons import ReasonShown
from vestnik.audience.importing.take_over import MOST_REMARKS
from vestnik.audience.imports import ImportState, Into

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
            "reason_details": {
                "code": "field_wrong",
                "params": {"field": "born", "reason": {"code": "no_date", "params": {}}},
            },
        }
    ],
    "error": "",
    "reason": None,
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


class ReadAs(serializers.Serializer[Any]):
    """How a file was read."""

    encoding = serializers.CharField(default="", help_text="Empty for a workbook.")
    separator = serializers.CharField(default="", trim_whitespace=False)
    sheets = serializers.ListField(child=serializers.CharField(), default=list)
    unread_sheets = serializers.ListField(child=serializers.CharField(), default=list)
    header_line = serializers.IntegerField(
        default=None, allow_null=True, help_text="0 if the file has no header."
    )


class ImportRemark(serializers.Serializer[Any]):
    """A cell that was imported as text, since it does not fit the type of its column."""

    line = serializers.IntegerField()
    attribute = serializers.CharField()
    reason = serializers.CharField(help_text="Why it does not fit, with the remedy.")
    reason_details = ReasonShown(source="why", allow_null=True, help_text="The same for programs.")


@extend_schema_serializer(
    component_name="Import", examples=[OpenApiExample("Done", ANSWERED, response_only=True)]
)
class ImportShown(serializers.Serializer[Any]):
    """An uploaded file, the progress of its import, and the results of its rows."""

    id = serializers.IntegerField()
    into = serializers.ChoiceField(Into.choices)
    state = serializers.ChoiceField(
        ImportState.choices, help_text="If the import failed, nothing of the file was stored."
    )
    file_name = serializers.CharField()
    size = serializers.IntegerField(help_text="In bytes.")
    percent = serializers.IntegerField(help_text="The share of the file that has been read.")
    rows = serializers.IntegerField(help_text="Rows read, without the header.")
    created = serializers.IntegerField()
    updated = serializers.IntegerField()
    unchanged = serializers.IntegerField(help_text="Clients that had the same values already.")
    duplicates = serializers.IntegerField(
        help_text="Rows whose number was in an earlier row of the file."
    )
    refused = serializers.IntegerField(help_text="Invalid rows: download them from refused/.")
    without_sms = serializers.IntegerField(
        help_text="Imported landline and toll-free numbers. They are never sent to."
    )
    misfits = serializers.IntegerField(
        help_text="Imported cells that do not fit the recognised type of their column. They are "
        "stored as text, and range conditions do not match them. Give the type in `types` to "
        "refuse such rows."
    )
    remarks = ImportRemark(
        many=True,
        source="readable_remarks",
        help_text=f"The first {MOST_REMARKS} of the misfits.",
    )
    error = serializers.CharField(help_text="Why the whole file was refused.")
    reason = ReasonShown(source="why", allow_null=True, help_text="The same for programs.")
    read_as = ReadAs(help_text="How the file was read. Empty before that.")
    created_at = Instant()
    started_at = Instant(allow_null=True)
    finished_at = Instant(allow_null=True)


class Column(serializers.Serializer[Any]):
    """A column of a file."""

    header = serializers.CharField()
    meaning = serializers.CharField(help_text="A field, `attributes.NAME`, or empty.")
    type = serializers.CharField(
        allow_blank=True,
        help_text="The type of an attribute: declared, given in `types` or recognised. Empty for "
        "other columns.",
    )


class PreviewedRow(serializers.Serializer[Any]):
    """A row as it would be imported, or the reason of its refusal."""

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
    header_line = serializers.IntegerField(help_text="0 if the file has no header.")
    columns = Column(many=True)
    rows = PreviewedRow(many=True)
