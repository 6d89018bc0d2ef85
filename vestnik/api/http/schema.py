"""The OpenAPI document and its page."""

import json
import re
from collections.abc import Callable
from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.views import SpectacularSwaggerSplitView

from vestnik.api.http.problems import CONTENT_TYPE

POLICY = "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'"

SENTENCE = re.compile(r"\.\s")

PROBLEM = {
    "type": "object",
    "description": "An error (RFC 9457).",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "description": "The kind of error, for programs."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "description": "Each invalid field as a dotted path, with the remedy.",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
    "example": {
        "type": "urn:vestnik:problem:invalid",
        "title": "Bad Request",
        "status": 400,
        "detail": "Nothing was changed. Invalid fields: phone_number.",
        "errors": [{"field": "phone_number", "message": "Write it as 7XXXXXXXXXX: 79261234567."}],
    },
}
ALWAYS = {
    400: "A field, a parameter or the request itself is invalid.",
    401: "The API key is missing or unknown.",
    403: "The API key's role does not grant this.",
    406: "The header Accept does not allow JSON.",
    503: "The database does not answer, or the request took too long: repeat it after Retry-After.",
}
# Providers authenticate by their own means, and ignore the content type of responses.
FOR_PROVIDERS = {
    400: "The callback cannot be read or stored.",
    403: "The caller is not authenticated as the provider, or the callback cannot be read.",
    429: "Too many wrong secrets came from this address.",
    503: ALWAYS[503],
}
WITH_ID = {404: "There is nothing with this id."}
WITH_BODY = {
    411: "The body has no length.",
    413: "The body is too large.",
    415: "The body is not JSON.",
}
ACTIONS = {409: "The mailing's state does not allow this.", 415: "The body is not JSON."}
CONFLICTS = {409: "Another request changed the same object at the same time."}
#: Keys that a response may leave out, by component.
SOMETIMES = {"Mailing": {"warnings"}}
CREATION = {
    409: "A request with this Idempotency-Key is running.",
    422: "This Idempotency-Key was used for another body.",
}


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # untyped
    """The security scheme of the document."""

    target_class = "vestnik.api.http.authentication.ApiKeyAuthentication"
    name = "bearer"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {"type": "http", "scheme": "bearer", "description": "An API key."}


def with_problems(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Add the error responses of every operation."""
    result["components"]["schemas"]["Problem"] = PROBLEM
    for operations in result["paths"].values():
        for method, operation in operations.items():
            for status, why in _refusals(method, operation).items():
                operation["responses"].setdefault(str(status), _response(status, why))
    return result


def _refusals(method: str, operation: dict[str, Any]) -> dict[int, str]:
    if "security" not in operation:
        with_body = {411: WITH_BODY[411], 413: WITH_BODY[413]}
        return FOR_PROVIDERS | (with_body if "requestBody" in operation else {})
    found = dict(ALWAYS)
    kinds = {parameter["in"] for parameter in operation.get("parameters", [])}
    if "path" in kinds:
        found |= WITH_ID
    if method != "get":
        found |= CONFLICTS
    if method == "post" and "path" in kinds:
        found |= ACTIONS
    if "requestBody" in operation:
        found |= WITH_BODY
    creates = "header" in kinds and "201" in operation["responses"]
    return found | CREATION if creates else found


def _response(status: int, why: str) -> dict[str, Any]:
    reference = {"$ref": "#/components/schemas/Problem"}
    response: dict[str, Any] = {
        "description": why,
        "content": {CONTENT_TYPE: {"schema": reference}},
    }
    if status == 401:
        response["headers"] = {"WWW-Authenticate": {"schema": {"type": "string"}, "required": True}}
    return response


def with_summaries(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Use the first sentence of an operation's description as its summary."""
    for operations in result["paths"].values():
        for operation in operations.values():
            operation["summary"] = SENTENCE.split(operation["description"], 1)[0].rstrip(".")
    return result


def with_headers(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Add the response headers of creations."""
    location = {"description": "The address of what was created.", "schema": {"type": "string"}}
    replayed = {
        "description": "The same request was answered before; nothing was created again.",
        "schema": {"type": "string", "const": "true"},
    }
    for operations in result["paths"].values():
        for operation in operations.values():
            if created := operation["responses"].get("201"):
                created["headers"] = {"Location": location, "Idempotency-Replayed": replayed}
    return result


def with_exact_bodies(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Forbid unknown keys in requests; require all keys of responses except SOMETIMES."""
    schemas = result["components"]["schemas"]
    for name, schema in schemas.items():
        if name.endswith("Request"):
            schema["additionalProperties"] = False
        elif f"{name}Request" in schemas:
            schema["required"] = sorted(schema["properties"])
    for name, fields in SOMETIMES.items():
        schemas[name]["required"] = sorted({*schemas[name]["required"]} - fields)
    return result


@cache
def document() -> bytes:
    """Return the document, generated once: it does not depend on the request."""
    make: Callable[..., dict[str, Any]] = SchemaGenerator().get_schema  # type: ignore[no-untyped-call]  # untyped
    return json.dumps(make(public=True), ensure_ascii=False).encode()


@require_safe
def schema(request: HttpRequest) -> HttpResponse:
    """Serve OpenAPI 3.1 as JSON."""
    return HttpResponse(document(), content_type="application/json")


class Docs(SpectacularSwaggerSplitView):
    """Swagger UI, from local files only."""

    def finalize_response(self, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(*args, **kwargs)
        response.headers["Content-Security-Policy"] = POLICY
        return response
