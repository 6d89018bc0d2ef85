"""The fields of a provider's callback, in whatever charset the provider writes them.

Django reads addresses and forms as UTF-8 and replaces what is none, so a STOP in windows-1251 would
be lost. Here each field is read by the declared charset, then as UTF-8, then as windows-1251.
"""

import codecs
from collections.abc import Iterator

from django.http import HttpRequest, QueryDict

from vestnik.middleware.concurrency_limit import DECLARED_CHARSET
from vestnik.providers.callbacks import CallbackRefused

FORM = "application/x-www-form-urlencoded"
#: Stands each byte for a character of its own, so that what was sent is still known.
AS_BYTES = "latin-1"
UNDECLARED = ("utf-8", "cp1251")
#: Python's names. Some of its other codecs are none of texts.
KNOWN = frozenset(
    ["cp1251", "cp1252", "cp866", "iso8859-1", "iso8859-5", "koi8-r", "koi8-u", "utf-8"]
)
UNREADABLE = "a field is neither of the declared charset nor UTF-8 nor windows-1251"


def query_of(request: HttpRequest) -> dict[str, str]:
    """The query string's fields; raises CallbackRefused.

    Beside a body the label is the body's alone.
    """
    raw = QueryDict(request.META.get("QUERY_STRING", ""), encoding=AS_BYTES)
    return _read(raw, "" if request.body else _label(request))


def form_of(request: HttpRequest) -> dict[str, str]:
    """The body's fields, none where it is no form; raises CallbackRefused."""
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
