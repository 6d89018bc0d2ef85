"""Downloads as CSV or XLSX: clients, a mailing's messages, a mailing's statistics."""

from collections.abc import Iterable
from typing import Any, ClassVar

from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from vestnik.api.clients.views import FILTERS, ClientFilter
from vestnik.api.http.fields import StrictSerializer
from vestnik.api.http.views import StrictAPIView
from vestnik.api.mailings.views import get_mailing
from vestnik.api.messages import state_field
from vestnik.audience.models import Client
from vestnik.reports.files import exports
from vestnik.reports.files.downloads import CSV, FORMATS, XLSX, download
from vestnik.reports.files.table_writers import Table

FILES = {(200, CSV): OpenApiTypes.BINARY, (200, XLSX): OpenApiTypes.BINARY}


class AnyContentType(BaseContentNegotiation):
    """Ignores the header Accept: the query parameter `format` decides."""

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        errors = next(iter(renderers))
        return errors, errors.media_type


class FileQuery(StrictSerializer):
    """The format of the file."""

    format = serializers.ChoiceField(
        tuple(FORMATS), default="csv", error_messages={"invalid_choice": "Name csv or xlsx."}
    )


class ClientFileQuery(ClientFilter, FileQuery):
    """Conditions for clients, and the format of the file."""


class MessageFileQuery(FileQuery):
    """The state of the messages, and the format of the file."""

    state = state_field()


class Download(StrictAPIView):
    """A table as a file."""

    content_negotiation_class = AnyContentType
    query_class: ClassVar[type[StrictSerializer]] = FileQuery

    def file(self, name: str, table: Table) -> HttpResponseBase:
        return download(name, self.query["format"], table)


class ClientsExport(Download):
    """Clients as a file."""

    query_class = ClientFileQuery

    @extend_schema(parameters=[ClientFileQuery], responses=FILES, operation_id="clients_export")
    def get(self, request: Request) -> HttpResponseBase:
        """Download all clients, or those that match. Each attribute has a column of its own.

        The file can be changed and imported again. For that, the last column, `exact_values`, is
        empty or a JSON object of values that the row's cells cannot represent: `{"tag": "-10%",
        "attributes.size": "42", "attributes": {…}}`, where `attributes` are those without a column.
        A cell that was changed takes precedence.
        """
        wanted: dict[str, Any] = {name: self.query[name] for name in FILTERS & self.query.keys()}
        return self.file("clients", exports.clients(Client.objects.filter(**wanted)))


class MessagesExport(Download):
    """A mailing's messages as a file."""

    query_class = MessageFileQuery

    @extend_schema(parameters=[MessageFileQuery], responses=FILES, operation_id="messages_export")
    def get(self, request: Request, id: int) -> HttpResponseBase:
        """Download all messages of a mailing, or those in one state."""
        table = exports.of_mailing(get_mailing(id), self.query.get("state"))
        return self.file(f"mailing-{id}-messages", table)


class StatisticsExport(Download):
    """A mailing's statistics as a file."""

    @extend_schema(parameters=[FileQuery], responses=FILES, operation_id="statistics_export")
    def get(self, request: Request, id: int) -> HttpResponseBase:
        """Download the statistics of a mailing."""
        return self.file(f"mailing-{id}-statistics", exports.statistics_of(get_mailing(id)))
