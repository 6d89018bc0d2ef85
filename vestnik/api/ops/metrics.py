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
    """How the service does, in numbers."""

    content_negotiation_class = NoNegotiation

    @extend_schema(responses={(200, "text/plain"): TEXT}, operation_id="metrics")
    def get(self, request: Request) -> HttpResponse:
        """Measure the service. The numbers are of all its processes together."""
        return HttpResponse(metrics.exposition(), content_type=metrics.CONTENT_TYPE)
