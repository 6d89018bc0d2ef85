"""/docs/, /api/schema/ and errors outside of the API's own addresses."""

import re

import pytest
from django.test import Client

from tests.api.caller import Caller


def test_the_document_is_openapi_3_1_and_tells_of_every_refusal() -> None:
    answer = Client().get("/api/schema/")

    assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")
    document = answer.json()
    assert document["openapi"] == "3.1.0"
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    for operations in document["paths"].values():
        for operation in operations.values():
            assert operation["security"] == [{"bearer": []}]
            assert operation["responses"].keys() >= {"400", "401", "403", "406", "503"}
            assert operation["description"]


def test_every_body_that_is_sent_has_an_example() -> None:
    document = Client().get("/api/schema/").json()
    bodies = [
        operation["requestBody"]["content"]["application/json"]
        for operations in document["paths"].values()
        for operation in operations.values()
        if "requestBody" in operation
    ]

    assert len(bodies) == 6
    assert all("examples" in body for body in bodies)


def test_the_page_loads_nothing_from_anywhere_else() -> None:
    page = Client().get("/docs/")
    text = page.content.decode()

    assert page.status_code == 200
    links = re.findall(r'(?:src|href)="([^"]+)"', text)
    assert len(links) >= 4
    assert all(link.startswith("/") and not link.startswith("//") for link in links)
    assert page["Content-Security-Policy"].startswith("default-src 'self'")
    assert "<script>" not in text
    script = Client().get(next(link for link in links if "script" in link))
    assert script.status_code == 200
    assert b"/api/schema/" in script.content


@pytest.mark.parametrize("name", ["swagger-ui.css", "swagger-ui-bundle.js"])
def test_the_page_finds_its_files(name: str) -> None:
    answer = Client().get(f"/static/drf_spectacular_sidecar/swagger-ui-dist/{name}")

    assert answer.status_code == 200
    answer.close()


def test_the_start_leads_to_the_documentation() -> None:
    assert Client().get("/")["Location"] == "/docs/"


def test_an_address_that_is_not_there_is_a_problem_too() -> None:
    answer = Client().get("/nowhere")

    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")


@pytest.mark.django_db
def test_an_unknown_host_is_a_problem_too() -> None:
    answer = Caller().call("GET", "clients/", host="elsewhere.example")

    assert answer.status_code == 400


@pytest.mark.django_db
def test_what_breaks_here_is_a_problem_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("79261234567")

    caller = Caller()
    caller.http.raise_request_exception = False
    monkeypatch.setattr("vestnik.api.clients.pages.page_of", broken)

    answer = caller.get("clients/")

    assert answer.status_code == 500
    assert b"7926" not in answer.content


@pytest.mark.django_db
def test_an_answer_is_in_english_whatever_the_language() -> None:
    answer = Caller().get("clients/?page_size=x", accept_language="ru")

    assert answer.json()["errors"][0]["message"] == "Give a whole number."
    assert answer["Content-Language"] == "en"


@pytest.mark.django_db
def test_a_name_in_the_path_is_never_an_error_of_ours() -> None:
    for path in ("clients/%00/", "clients/%ff/", "%F0%9F%98%80", "mailings/1/%0a/", "..%2f"):
        assert Caller().get(path).status_code == 404
