"""Imports of clients from files: upload, progress, refused rows."""

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Any

from django.http import HttpResponseBase, StreamingHttpResponse
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from vestnik.api.clients.import_results import ImportShown, Preview
from vestnik.api.clients.import_serializers import FileBody, FileParser
from vestnik.api.exports import AnyContentType
from vestnik.api.http.fields import validate
from vestnik.api.http.views import StrictAPIView
from vestnik.audience.importing import stored
from vestnik.audience.importing.csv.csv_escape import harmless
from vestnik.audience.importing.errors import FileProblem
from vestnik.audience.importing.options import Options
from vestnik.audience.imports import Import
from vestnik.dispatch.runtime.import_runner import enqueue


class Imports(StrictAPIView):
    """Imports of clients from files."""

    parser_classes = [FileParser]

    @extend_schema(
        request={"multipart/form-data": FileBody},
        responses={200: Preview, 202: ImportShown},
        operation_id="clients_import",
    )
    def post(self, request: Request) -> Response:
        """Upload a CSV or XLSX file of clients.

        The file is read in the background; the address in `Location` reports the progress. All
        valid rows are imported together; invalid rows are left out and listed under `refused/`. For
        a known client, the attributes in the file are set and all others are kept (`clients/bulk/`
        replaces all of them instead); an empty cell changes nothing. With `preview` nothing is
        stored, and the response has the first rows as they would be read.
        """
        fields = validate(FileBody, request.data)
        options = FileBody().options(fields)
        try:
            if fields["preview"]:
                found = stored.preview(fields["file"], Options(**options), fields["into"])
                return Response(Preview(found).data)
            return self._keep(fields, options)
        except FileProblem as error:
            raise serializers.ValidationError({"file": [str(error)]}) from None

    def _keep(self, fields: Mapping[str, Any], options: dict[str, Any]) -> Response:
        job = stored.store(
            fields["file"],
            file_name=fields["file"].name,
            into=fields["into"],
            options=options,
            actor=self.actor,
        )
        enqueue(job.id)
        return Response(
            ImportShown(get_import(job.id)).data,
            status=status.HTTP_202_ACCEPTED,
            headers={"Location": reverse("import", args=[job.id])},
        )


class OneImport(StrictAPIView):
    """One import."""

    @extend_schema(responses=ImportShown, operation_id="clients_import_read")
    def get(self, request: Request, id: int) -> Response:
        """Read the progress of an import and the results of its rows."""
        return Response(ImportShown(get_import(id)).data)


class RefusedRows(StrictAPIView):
    """The refused rows of an import."""

    content_negotiation_class = AnyContentType

    @extend_schema(
        responses={(200, "text/csv"): OpenApiTypes.STR}, operation_id="clients_import_refused"
    )
    def get(self, request: Request, id: int) -> HttpResponseBase:
        """Download the refused rows as CSV: the line, the reason, and the row's cells."""
        answer = StreamingHttpResponse(
            _refused_rows(get_import(id)), content_type="text/csv; charset=utf-8"
        )
        answer["Content-Disposition"] = f'attachment; filename="refused-{id}.csv"'
        return answer


def get_import(id: int) -> Import:
    """Return the import. Raises NotFound."""
    job = Import.objects.filter(id=id).first()
    if job is None:
        raise NotFound
    return job


def _refused_rows(job: Import) -> Iterator[str]:
    rows = job.refused_rows.order_by("line").values_list("line", "reason", "cells")
    yield "\ufeffline,reason,row\r\n"
    for line, reason, cells in rows.iterator(chunk_size=2000):
        written = io.StringIO()
        csv.writer(written).writerow([line, *map(harmless, [reason, *cells])])
        yield written.getvalue()
