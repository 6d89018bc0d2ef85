"""Compress responses in transit."""

from django.http import HttpRequest, HttpResponseBase
from django.middleware.gzip import GZipMiddleware

from vestnik.middleware.concurrency_limit import STREAMS

#: Content types that are text. Compressing images and archives would only cost time.
COMPRESSIBLE = (
    "text/",
    "application/javascript",
    "application/json",
    "application/problem+json",
    "application/vnd.oai.openapi",
    "image/svg+xml",
)


class CompressedText(GZipMiddleware):
    """Compresses complete text responses.

    Live streams are excluded, since their events would be delayed.
    """

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        kind = response.headers.get("Content-Type", "")
        if response.status_code != 200 or kind.startswith(STREAMS):
            return response
        if not kind.startswith(COMPRESSIBLE):
            return response
        return super().process_response(request, response)
