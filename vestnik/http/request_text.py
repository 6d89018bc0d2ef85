"""What comes in as text is UTF-8 that PostgreSQL can hold, before any view sees it."""

from collections.abc import Callable

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponseBase

Answering = Callable[[HttpRequest], HttpResponseBase]

#: Forms of our own name the field that has a NUL; Django's admin asks the database for it.
UNCHECKED = "/admin/"


def request_text(answer: Answering) -> Answering:
    """Reads addresses and forms as UTF-8, whatever the request calls them, and refuses a NUL where
    no form of ours looks."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        request.encoding = "utf-8"
        if request.path_info.startswith(UNCHECKED):
            _check(request)
        return answer(request)

    return middleware


def _check(request: HttpRequest) -> None:
    if any(
        "\0" in word for word in (request.path_info, *request.GET, *request.GET.dict().values())
    ):
        raise BadRequest("There is a NUL character in the address.")
