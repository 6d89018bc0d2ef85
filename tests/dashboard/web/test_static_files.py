"""Static files under names that browsers keep, compressed text, live streams as they are."""

import gzip
import re
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.http import HttpResponse, StreamingHttpResponse
from django.templatetags.static import static
from django.test import Client, RequestFactory

from vestnik.middleware.compression import CompressedText

pytestmark = pytest.mark.django_db
STYLES = "dashboard/vestnik.css"
PACKED = {"Accept-Encoding": "gzip"}


def content_of(name: str) -> bytes:
    with open(str(finders.find(name)), "rb") as file:
        return file.read()


def test_a_name_holds_a_digest_and_is_kept_for_years() -> None:
    address = static(STYLES)
    answer = Client().get(address)

    assert re.fullmatch(r"/static/dashboard/vestnik\.[0-9a-f]{12}\.css", address)
    assert b"".join(answer) == content_of(STYLES)
    assert answer["Cache-Control"] == "max-age=315360000, public, immutable"


@pytest.mark.parametrize("debug", [False, True])
def test_a_page_of_another_version_gets_the_file_as_it_is_here(settings: Any, debug: bool) -> None:
    settings.DEBUG = debug

    answer = Client().get("/static/dashboard/vestnik.0123456789ab.css")

    assert (answer.status_code, b"".join(answer)) == (200, content_of(STYLES))
    assert answer["Cache-Control"] == f"max-age={0 if debug else 60}, public"


@pytest.mark.parametrize(
    "address",
    [
        "/static/dashboard/no_such.0123456789ab.css",
        "/static/dashboard/vestnik.0123456789.css",
        "/static/../settings.0123456789ab.py",
        "/other/dashboard/vestnik.0123456789ab.css",
    ],
)
def test_what_is_no_file_is_not_found(address: str) -> None:
    assert Client().get(address).status_code == 404


def test_a_plain_name_is_served_and_asked_for_again_soon() -> None:
    answer = Client().get(f"/static/{STYLES}")
    answer.close()
    assert answer["Cache-Control"] == "max-age=60, public"


def test_every_file_that_the_style_sheet_names_is_there_and_kept() -> None:
    named = re.findall(rb'url\("(vendor/[^"]+)"\)', content_of(STYLES))
    assert named
    for name in named:
        answer = Client().get(f"/static/dashboard/{name.decode()}")
        answer.close()
        assert answer.status_code == 200
        assert "immutable" in answer["Cache-Control"]


def test_pages_name_no_static_file_without_a_digest_or_version() -> None:
    page = Client().get("/login/").content.decode()
    addresses = re.findall(r'"(/static/[^"]+)"', page)
    assert addresses
    assert [
        one for one in addresses if not re.search(r"\.[0-9a-f]{12}\.|-\d+\.\d+\.\d+-", one)
    ] == []


@pytest.mark.parametrize("address", ["/login/", "/api/schema/", static(STYLES)])
def test_text_is_compressed_for_who_takes_it(address: str) -> None:
    plain = Client().get(address)
    packed = Client().get(address, headers=PACKED)

    size = len(b"".join(plain) if plain.streaming else plain.content)
    content = b"".join(packed) if packed.streaming else packed.content
    assert packed["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in packed["Vary"]
    assert len(gzip.decompress(content)) == pytest.approx(size, abs=200)  # masked tokens
    assert len(content) < size / 2
    assert "Content-Encoding" not in plain


@pytest.mark.parametrize(
    "kind", ["text/event-stream", "application/zip", "font/woff2", "application/octet-stream"]
)
def test_streams_and_what_is_packed_already_stay_as_they_are(kind: str) -> None:
    def answer(_request: object) -> StreamingHttpResponse:
        return StreamingHttpResponse([b"x" * 1000], content_type=kind)

    response = CompressedText(answer)(RequestFactory().get("/", headers=PACKED))

    assert "Content-Encoding" not in response


def test_a_part_of_a_file_is_not_compressed() -> None:
    def answer(_request: object) -> HttpResponse:
        return HttpResponse(b"x" * 1000, status=206, content_type="text/css")

    response = CompressedText(answer)(RequestFactory().get("/", headers=PACKED))

    assert "Content-Encoding" not in response
