"""Decodes the fields of a provider's callback (decision 0095).

Django decodes query strings and forms as UTF-8 and replaces invalid bytes, so a STOP in
windows-1251 would be lost. Here each field is decoded by the declared charset, then as UTF-8, then
as windows-1251.
"""

import codecs
from collections.abc import Iterator

from django.http import HttpRequest, QueryDict

from vestnik.middleware.concurrency_limit import DECLARED_CHARSET
from vestnik.providers.callbacks import CallbackRefused

FORM = "application/x-www-form-urlencoded"
#: Maps each byte to one character, so that the bytes that were sent can be restored.
AS_BYTES = "latin-1"
UNDECLARED = ("utf-8", "cp1251")
#: Python's names of charsets. Some of Python's other codecs do not decode text.
KNOWN = frozenset(
    ["cp1251", "cp1252", "cp866", "iso8859-1", "iso8859-5", "koi8-r", "koi8-u", "utf-8"]
)
UNREADABLE = "a field is neither in the declared charset nor in UTF-8 nor in windows-1251"


def query_of(request: HttpRequest) -> dict[str, str]:
    """Return the fields of the query string. Raises CallbackRefused.

    If there is a body, the declared charset is the body's alone.
    """
    raw = QueryDict(request.META.get("QUERY_STRING", ""), encoding=AS_BYTES)
    return _read(raw, "" if request.body else _label(request))


def form_of(request: HttpRequest) -> dict[str, str]:
    """Return the fields of the body; none if it is not a form. Raises CallbackRefused."""
    if request.content_type == FORM:
        return _read(QueryDict(request.body, encoding=AS_BYTES), _label(request))
    request.encoding = AS_BYTES  # for the parts of a multipart body
    return _read(request.POST, _label(request))


def _label(request: HttpRequest) -> str:
    told: str = request.META.get(DECLARED_CHARSET) or (request.content_params or {}).get(
        "charset", ""
    )
    return told.strip("\"' ")


def _read(raw: QueryDict, label: str) -> dict[str, str]:
    charsets = [*_declared(label), *UNDECLARED]
    fields: dict[str, str] = raw.dict()  # type: ignore[assignment]  # the last one of each name
    return {_text(name, charsets): _text(word, charsets) for name, word in fields.items()}


def _declared(label: str) -> Iterator[str]:
    try:
        name = codecs.lookup(label).name
    except (LookupError, ValueError):
        return
    if name in KNOWN:
        yield name


def _text(raw: str, charsets: list[str]) -> str:
    for charset in charsets:
        try:
            return raw.encode(AS_BYTES).decode(charset)
        except UnicodeError:
            continue
    raise CallbackRefused(UNREADABLE)
