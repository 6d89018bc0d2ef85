"""Whose address a request comes from, and what is said where its proxies are not known."""

import pytest
from django.test import RequestFactory

from vestnik.access import visitor
from vestnik.stack.doctor import examine


@pytest.fixture(autouse=True)
def an_hour_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last warning is an hour old before each test, and as old as it was after it."""
    monkeypatch.setattr(visitor, "warned_at", visitor.clock() - visitor.SAY_EVERY - 1)


@pytest.mark.parametrize(
    ("proxies", "forwarded", "found", "is_said"),
    [
        (0, None, "192.0.2.9", False),
        (0, "203.0.113.5", "192.0.2.9", True),
        (1, None, "192.0.2.9", False),
        (1, "203.0.113.5", "203.0.113.5", False),
        (1, "198.51.100.1, 203.0.113.5", "203.0.113.5", False),
        (1, "nobody", "192.0.2.9", True),
        (2, "203.0.113.5", "192.0.2.9", True),
        (2, "203.0.113.5, 198.51.100.1", "203.0.113.5", False),
    ],
)
def test_a_header_that_is_not_believed_is_said_with_its_remedy(
    settings, caplog, proxies, forwarded, found, is_said
) -> None:
    settings.WEB_PROXIES = proxies
    headers = {} if forwarded is None else {"HTTP_X_FORWARDED_FOR": forwarded}
    request = RequestFactory().get("/", REMOTE_ADDR="192.0.2.9", **headers)

    assert [visitor.address(request) for _ in range(3)] == [found] * 3

    said = [record.msg for record in caplog.records]
    assert len(said) == is_said
    if is_said:
        assert said[0]["web_proxies"] == proxies
        assert "WEB_PROXIES must be the number of your proxies" in said[0]["remedy"]
        assert "203.0.113.5" not in str(said[0])


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("proxies", "https", "said", "is_well"),
    [
        (0, False, "WEB_PROXIES=0, X-Forwarded-For is ignored", True),
        (2, True, "WEB_PROXIES=2, entry 2 from the right is used", True),
        (0, True, "WEB_PROXIES=0, X-Forwarded-For is ignored", False),
    ],
)
def test_the_doctor_names_the_proxies(settings, proxies, https, said, is_well) -> None:
    settings.WEB_PROXIES, settings.WEB_HTTPS = proxies, https

    (finding,) = [finding for finding in examine() if "address" in finding.check]

    assert (finding.result, finding.is_well) == (said, is_well)
