"""Metrics for Prometheus, in its text format."""

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request

from vestnik.api.http.views import StrictAPIView
from vestnik.api.providers.callbacks import NoNegotiation
from vestnik.reports import metrics

TEXT = OpenApiResponse(OpenApiTypes.STR, "The text format of Prometheus.")


class Metrics(StrictAPIView):
    """The metrics of the service."""

    content_negotiation_class = NoNegotiation

    @extend_schema(responses={(200, "text/plain"): TEXT}, operation_id="metrics")
    def get(self, request: Request) -> HttpResponse:
        """Return the metrics of all processes of the service together."""
        return HttpResponse(metrics.exposition(), content_type=metrics.CONTENT_TYPE)
