"""A client of the API."""

import json
from datetime import UTC, datetime
from typing import Any

from django.http import HttpResponse
from django.test import Client

from vestnik.access.models import ApiKey

ROOT = "/api/v1/"
TEXT = "Скидка 20 % до воскресенья"
#: The default end of mailings is the beginning of this year: in the future, and within the horizon.
YEAR = datetime.now(UTC).year + 2


class Caller:
    """A client with an API key of that role; None is a client without a key."""

    def __init__(self, role: str | None = "admin", name: str = "tests") -> None:
        headers = {}
        if role is not None:
            self.key, plain = ApiKey.objects.issue(name=name, role=role)
            headers = {"authorization": f"Bearer {plain}"}
        self.http = Client(headers=headers)

    def call(
        self, method: str, address: str, body: Any = None, raw: Any = None, **headers: str
    ) -> HttpResponse:
        """Send a request; every error must be a problem document with a status and a detail."""
        sent = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        kind = given.pop("content-type", "application/json")
        path = address if address.startswith("/") else ROOT + address
        answer = self.http.generic(method, path, sent, content_type=kind, headers=given)
        if answer.status_code >= 400 and path.startswith("/api/"):
            assert answer["Content-Type"] == "application/problem+json"
            assert answer.json().keys() >= {"type", "title", "status", "detail"}
            assert answer.json()["status"] == answer.status_code
        return answer

    def get(self, address: str, **headers: str) -> HttpResponse:
        return self.call("GET", address, **headers)

    def post(self, address: str, body: Any = None, **headers: str) -> HttpResponse:
        return self.call("POST", address, body, **headers)

    def put(self, address: str, body: Any) -> HttpResponse:
        return self.call("PUT", address, body)

    def patch(self, address: str, body: Any) -> HttpResponse:
        return self.call("PATCH", address, body)

    def delete(self, address: str) -> HttpResponse:
        return self.call("DELETE", address)


def errors_of(answer: HttpResponse) -> dict[str, str]:
    """Return the remedies of a problem by field."""
    return {error["field"]: error["message"] for error in answer.json().get("errors", [])}


def ids_of(answer: HttpResponse) -> list[int]:
    """Return the ids on a page."""
    return [row["id"] for row in answer.json()["results"]]


def mailing_body(**changes: Any) -> dict[str, Any]:
    """Return the body of a due mailing; a change to `...` leaves the field out."""
    body = {
        "text": TEXT,
        "filter": {},
        "starts_at": "2026-01-01T00:00:00Z",
        "ends_at": f"{YEAR}-01-01T00:00:00+03:00",
        **changes,
    }
    return {name: value for name, value in body.items() if value is not ...}
