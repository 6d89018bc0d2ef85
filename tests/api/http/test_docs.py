"""/docs/ and /api/schema/."""

import re

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db


def test_the_document_is_openapi_3_1_and_tells_of_every_refusal() -> None:
    answer = Client().get("/api/schema/")

    assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")
    document = answer.json()
    assert document["openapi"] == "3.1.0"
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    for path, operations in document["paths"].items():
        for operation in operations.values():
            if path.startswith("/api/v1/receipts/"):  # providers authenticate by other means
                assert operation["responses"].keys() >= {"400", "403", "429", "503"}
                continue
            assert operation["security"] == [{"bearer": []}]
            assert operation["responses"].keys() >= {"400", "401", "403", "406", "503"}
            assert operation["summary"]
            assert "." not in operation["summary"]


def test_every_body_that_is_sent_has_an_example() -> None:
    document = Client().get("/api/schema/").json()
    bodies = [
        content["application/json"]
        for operations in document["paths"].values()
        for operation in operations.values()
        if "application/json" in (content := operation.get("requestBody", {}).get("content", {}))
    ]

    assert len(bodies) >= 7
    assert all("examples" in body for body in bodies)


def test_what_becomes_of_other_attributes_is_said_of_a_list_and_of_a_file() -> None:
    """A list replaces all attributes, a file changes those that it contains."""
    paths = Client().get("/api/schema/").json()["paths"]
    of_list, of_file = (
        paths[f"/api/v1/clients/{name}/"]["post"]["description"] for name in ("bulk", "imports")
    )

    assert "replace" in of_list
    assert "an import of a file merges them" in " ".join(of_list.split())
    assert "all others are kept" in " ".join(of_file.split())
    assert "replaces all of them instead" in " ".join(of_file.split())


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
    assert b"".join(answer.streaming_content)
