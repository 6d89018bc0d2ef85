"""The permissions of API keys by their roles."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, URLResolver, get_resolver

from tests.api.caller import Caller, mailing_body
from tests.builders import make_client, make_mailing, make_running
from vestnik.access.models import ApiKey
from vestnik.dashboard import urls as pages

PUBLIC = {"/", "/livez", "/readyz", "/docs/", "/api/schema/", "/admin/login/", "/admin/logout/"}


def addresses() -> list[str]:
    """Return every address of the service, with 1 for each id.

    Those of the operators' pages lead to the login; `tests/dashboard/web/test_access_matrix.py`
    tests them.
    """

    def walk(patterns: list[URLPattern | URLResolver], before: str) -> list[str]:
        found = []
        for pattern in patterns:
            here = before + str(pattern.pattern).replace("<int:id>", "1")
            if getattr(pattern, "urlconf_module", None) is pages:
                continue
            if isinstance(pattern, URLResolver):
                found += walk(pattern.url_patterns, here)
            elif "(" not in here and "<" not in here:
                found.append(here)
        return found

    return [*walk(get_resolver().url_patterns, "/"), "/api/", "/api/v1/", "/api/v1/nothing/"]


@pytest.mark.django_db
@pytest.mark.parametrize("address", sorted(set(addresses()) - PUBLIC))
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_nothing_but_what_is_public_answers_without_a_key(address: str, method: str) -> None:
    answer = Caller(role=None).call(method, address)

    if address.startswith("/admin/"):
        assert answer.status_code in (302, 403, 405)
        assert "login" in answer.get("Location", "login")
    else:
        assert answer.status_code == 401
        assert answer["WWW-Authenticate"] == 'Bearer realm="vestnik"'


@pytest.mark.django_db
@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer ", "Bearer x", "Basic eDp5", "x", "Bearer \xff\xfe", "bearer  y z"]
)
def test_a_key_that_is_not_known_is_refused(header: str) -> None:
    answer = Caller(role=None).get("clients/", authorization=header)

    assert answer.status_code == 401
    assert "WWW-Authenticate" in answer


@pytest.mark.django_db
def test_a_revoked_key_is_refused() -> None:
    caller = Caller()
    assert caller.get("clients/").status_code == 200

    caller.key.revoked_at = "2026-01-01T00:00:00Z"
    caller.key.save()

    assert caller.get("clients/").status_code == 401


@pytest.mark.django_db
def test_the_key_itself_is_stored_nowhere() -> None:
    _, plain = ApiKey.objects.issue(name="x", role="viewer")

    stored = [str(value) for value in ApiKey.objects.values_list().get()]

    assert plain not in " ".join(stored)
    assert plain.startswith("vk_")
    assert len(plain) > 40


@pytest.mark.django_db
def test_the_last_use_of_a_key_is_noted_once_a_minute() -> None:
    caller = Caller()
    caller.get("clients/")
    caller.key.refresh_from_db()
    assert caller.key.last_used_at is not None

    with CaptureQueriesContext(connection) as queries:
        caller.get("clients/")
    assert not [query for query in queries if "UPDATE" in query["sql"]]


ROLES = {
    "viewer": {"see"},
    "operator": {"see", "send"},
    "admin": {"see", "send", "manage"},
}


@pytest.mark.django_db
@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_do_what_it_is_for_and_no_more(role: str) -> None:
    caller, client, mailing = Caller(role=role), make_client(), make_mailing()
    running = make_running(1)
    requests = {
        "see": [
            ("GET", "clients/", None),
            ("HEAD", "clients/", None),
            ("GET", f"clients/{client.id}/", None),
            ("GET", f"mailings/{mailing.id}/statistics/", None),
            ("GET", "messages/", None),
            ("GET", "statistics/", None),
        ],
        "send": [
            ("POST", "clients/", {"phone_number": "79990000001"}),
            ("POST", "clients/bulk/", []),
            ("PUT", f"clients/{client.id}/", {"phone_number": "79990000002"}),
            ("PATCH", f"clients/{client.id}/", {}),
            ("POST", "mailings/", mailing_body()),
            ("PATCH", f"mailings/{mailing.id}/", {}),
            ("POST", f"mailings/{running.id}/pause/", None),
            ("POST", f"mailings/{running.id}/resume/", None),
            ("POST", f"mailings/{running.id}/cancel/", None),
        ],
        "manage": [("DELETE", f"clients/{client.id}/", None)],
    }

    for action, calls in requests.items():
        for method, address, body in calls:
            status = caller.call(method, address, body).status_code
            assert (status < 300) == (action in ROLES[role]), (method, address, status)
            assert status < 300 or status == 403


@pytest.mark.django_db
def test_a_refusal_says_which_role_it_takes() -> None:
    answer = Caller(role="viewer").post("mailings/", mailing_body())

    assert answer.status_code == 403
    assert answer.json()["detail"] == "This needs the role operator or admin; this key is a viewer."
