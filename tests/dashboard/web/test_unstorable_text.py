"""Text that no database can hold, and labels of no encoding, are no error of ours."""

from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest
from django.test import Client as Browser

from tests.dashboard.visiting import make_user, visitor
from vestnik.wsgi import application

pytestmark = pytest.mark.django_db

CHARSETS = ["hex", "unicode_escape", "utf-7", "idna", "punycode", "utf-16", "nonsense", "rot13"]


def reader(**fields: Any) -> Browser:
    opened = visitor(make_user("root", "admin", is_staff=True, **fields))
    opened.raise_request_exception = False
    return opened


@pytest.mark.parametrize(
    "query",
    [
        "?role__exact=%00",
        "?q=%00",
        "?%00=1",
        "?o=%00",
        "?p=" + "9" * 5000,
        "?id__exact=" + "9" * 5000,
        "?e=%ED%A0%80",
        "?last_login__year=" + "9" * 5000,
    ],
)
@pytest.mark.parametrize("table", ["access/user", "audience/client", "mailings/mailing"])
def test_the_admin_is_asked_anything(query: str, table: str) -> None:
    assert reader().get(f"/admin/{table}/{query}").status_code in (200, 302, 400, 403)


@pytest.mark.parametrize(
    "next", ["abc", "http://[", "/\x00", "/\n", "//x", "/" + "a" * 9000, "é", ""]
)
@pytest.mark.parametrize("path", ["/preferences/theme/", "/preferences/language/", "/login/"])
def test_where_to_go_next_may_be_anything(path: str, next: str) -> None:
    opened = visitor()
    opened.raise_request_exception = False

    answer = opened.post(path, {"next": next, "theme": "dark", "language": "ru"})

    assert answer.status_code in (200, 302, 400)


def test_a_theme_without_a_session_leads_to_the_overview() -> None:
    answer = visitor().post("/preferences/theme/", {"next": "abc", "theme": "dark"})

    assert (answer.status_code, answer["Location"]) == (302, "/")


@pytest.mark.parametrize("charset", CHARSETS)
@pytest.mark.parametrize("path", ["/clients/add/", "/login/", "/mailings/new/"])
def test_an_encoding_that_is_none_is_read_as_utf_8(path: str, charset: str) -> None:
    opened = reader()
    form = b'--b\r\nContent-Disposition: form-data; name="tag"\r\n\r\n\\ud800\\x00\r\n--b--\r\n'

    for body, kind in (
        (form, "multipart/form-data; boundary=b"),
        (b"tag=%5Cud800", "application/x-www-form-urlencoded"),
    ):
        answer = opened.generic("POST", path, body, content_type=f"{kind}; charset={charset}")
        assert answer.status_code in (200, 302, 400, 405, 422)


@pytest.mark.parametrize(
    "name", ["a\x00.csv", "\ud800.csv", "..", "/etc/passwd", "x" * 5000, "\r\n"]
)
def test_the_name_of_a_file_may_be_anything(name: str) -> None:
    head = f'Content-Disposition: form-data; name="file"; filename="{name}"'
    body = f"--b\r\n{head}\r\n\r\n79261234567\r\n--b--\r\n".encode("utf-8", "surrogatepass")

    answer = reader().generic("POST", "/clients/import/", body, "multipart/form-data; boundary=b")

    assert answer.status_code in (200, 302, 400, 422)


@pytest.mark.parametrize("header", ["Cookie", "Accept-Language", "User-Agent", "Accept", "Referer"])
@pytest.mark.parametrize("value", ["\x00", "\xff" * 300, "9" * 5000, "sessionid=\x00; theme=\x00"])
def test_headers_may_hold_anything(header: str, value: str) -> None:
    answer = reader().get("/clients/", headers={header: value})

    assert answer.status_code in (200, 302, 400)


@pytest.mark.parametrize("charset", CHARSETS)
def test_a_query_is_utf_8_whatever_the_body_is_called(charset: str) -> None:
    """By the whole application: Django reads the query before any middleware."""
    statuses: list[str] = []
    environ: dict[str, Any] = {
        "PATH_INFO": "/login/",
        "QUERY_STRING": "q=%D0%AF",
        "CONTENT_TYPE": f"x/y; charset={charset}",
        "HTTP_HOST": "localhost",
    }
    setup_testing_defaults(environ)

    answer = application(environ, lambda status, headers, *_: statuses.append(status))
    b"".join(answer)
    answer.close()  # type: ignore[attr-defined]  # gives its place back

    assert statuses == ["200 OK"]
