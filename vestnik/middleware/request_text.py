"""Check that incoming text is UTF-8 that PostgreSQL can store, before any view reads it."""

from collections.abc import Callable

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponseBase

GetResponse = Callable[[HttpRequest], HttpResponseBase]

#: The dashboard's forms report a field with a NUL themselves. Django's admin does not, and the
#: statement would fail in the database.
UNCHECKED = "/admin/"


def request_text(answer: GetResponse) -> GetResponse:
    """Decode addresses and forms as UTF-8, whatever charset is declared.

    A NUL is refused with 400 where no form of the dashboard checks for it.
    """

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
