"""API keys, providers and stop words."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from tests.builders import make_running
from tests.dashboard.settings.test_users import shown_secret
from tests.dashboard.visiting import make_user, visitor
from vestnik.access.models import ApiKey
from vestnik.dashboard.web.form_idempotency import new_token
from vestnik.dispatch.models import Breaker, Message
from vestnik.mailings.models import Mailing
from vestnik.providers.registry import describe

pytestmark = pytest.mark.django_db

PRICE = "2.50\u00a0₽ a segment"
TEST = {"phone_number": "8 (926) 123-45-67", "text": "Hello"}


@pytest.fixture
def providers(settings: Any) -> Any:
    settings.SMS_PROVIDERS = {
        "console": {"BACKEND": "console", "OPTIONS": {}},
        "null": {"BACKEND": "null", "OPTIONS": {"price_per_segment": "2.50", "max_rate": "40"}},
    }
    describe.cache_clear()
    yield settings.SMS_PROVIDERS
    describe.cache_clear()


def test_a_key_is_shown_once_and_then_only_by_its_end() -> None:
    opened = visitor(make_user("boss", "admin"))

    answered = opened.post("/settings/keys/", {"name": "Shop", "role": "viewer"})
    plain = shown_secret(answered)
    listed = opened.get("/settings/keys/").content.decode()

    key = ApiKey.objects.find(plain)
    assert key
    assert (key.name, key.role) == ("Shop", "viewer")
    assert answered["Cache-Control"] == "no-store"
    assert plain not in listed
    assert f"…{plain[-4:]}" in listed


def test_a_second_click_makes_no_second_key() -> None:
    opened = visitor(make_user("boss", "admin"))
    form = {"name": "Shop", "role": "viewer", "token": new_token()}
    plain = shown_secret(opened.post("/settings/keys/", form))

    again = opened.post("/settings/keys/", form, follow=True).content.decode()
    other = opened.post("/settings/keys/", form | {"name": "Till"}).content.decode()

    assert "was created by the first click" in again
    assert "press again" in other
    assert ApiKey.objects.get() == ApiKey.objects.find(plain)


@pytest.mark.parametrize("wrong", [{"name": ""}, {"name": "x" * 101}, {"role": "king"}])
def test_a_key_that_will_not_do_is_told_beside_the_field(wrong: dict[str, str]) -> None:
    opened = visitor(make_user("boss", "admin"))

    answered = opened.post("/settings/keys/", {"name": "Shop", "role": "viewer"} | wrong)

    assert "is-wrong" in answered.content.decode()
    assert not ApiKey.objects.exists()


def test_a_key_is_revoked_after_its_last_use_is_shown() -> None:
    opened = visitor(make_user("boss", "admin"))
    key, plain = ApiKey.objects.issue(name="Shop", role="viewer")
    key.note_use()
    address = f"/settings/keys/{key.pk}/revoke/"

    asked = opened.get(address).content.decode()
    assert "<time" in asked
    assert ApiKey.objects.find(plain)
    said = opened.post(address, follow=True).content.decode()

    assert ApiKey.objects.find(plain) is None
    assert "is revoked." in said
    assert "1 revoked key" in said
    assert "It is revoked already." in opened.get(address).content.decode()


@pytest.mark.usefixtures("providers")
def test_providers_are_shown_with_how_they_are(
    django_assert_max_num_queries: Callable[..., object],
) -> None:
    mailing = make_running(3, name="Weekend")
    Breaker.objects.create(
        alias="null", state="open", reason="connection refused", until=timezone.now()
    )
    opened = visitor(make_user())

    with django_assert_max_num_queries(10):
        shown = opened.get("/settings/").content.decode()

    for words in ("connection refused", "up to 40 messages", PRICE, "does not answer"):
        assert words in shown
    assert f'href="/mailings/{mailing.pk}/"' in shown


@pytest.mark.usefixtures("providers")
def test_a_test_goes_to_one_number_by_that_provider() -> None:
    opened = visitor(make_user())

    answered = opened.post("/settings/providers/null/test/", TEST)

    mailing = Mailing.objects.get()
    assert answered["Location"] == f"/mailings/{mailing.pk}/"
    assert (mailing.provider, mailing.text) == ("null", "Hello")
    assert Message.objects.get().phone_number == "79261234567"
    assert mailing.events.latest("id").actor == "user:anna"


@pytest.mark.usefixtures("providers")
def test_a_second_click_sends_no_second_test() -> None:
    opened = visitor(make_user())
    page = opened.get("/settings/providers/null/test/").content.decode()
    form = TEST | {"token": page.split('name="token" value="')[1].split('"')[0]}

    answers = [opened.post("/settings/providers/null/test/", form) for _ in range(2)]
    other = opened.post("/settings/providers/null/test/", form | {"text": "Another"})

    assert {answer["Location"] for answer in answers} == {f"/mailings/{Mailing.objects.get().pk}/"}
    assert "press again" in other.content.decode()
    assert Message.objects.count() == 1


@pytest.mark.usefixtures("providers")
@pytest.mark.parametrize(
    "wrong", [{"phone_number": "911"}, {"text": ""}, {"text": "{{ x"}, {"text": "{{ x }}"}]
)
def test_a_test_that_cannot_go_says_why(wrong: dict[str, str]) -> None:
    opened = visitor(make_user())

    answered = opened.post("/settings/providers/null/test/", TEST | wrong)

    assert answered.status_code == 200
    assert "is-wrong" in answered.content.decode() or "is-bad" in answered.content.decode()
    assert not Mailing.objects.exists()


def test_what_a_test_costs_is_said_before(providers: Any) -> None:
    opened = visitor(make_user())

    assert describe("null").price_per_segment == Decimal("2.50")
    assert f"costs {PRICE}" in opened.get("/settings/providers/null/test/").content.decode()
    assert opened.get("/settings/providers/nobody/test/").status_code == 404


@pytest.mark.parametrize(
    ("text", "said"), [("Стоп, хватит", "on the stop list"), ("спасибо", "keeps getting")]
)
def test_an_answer_can_be_tried_against_the_stop_words(text: str, said: str) -> None:
    shown = visitor(make_user()).get("/settings/stop-words/", {"text": text}).content.decode()

    assert said in shown
    assert "СТОП" in shown


def test_a_viewer_reads_who_may_do_the_rest() -> None:
    shown = visitor(make_user(role="viewer")).get("/settings/").content.decode()

    assert "Users and API keys are managed by admins." in shown
    assert "Test messages are sent by operators and admins." in shown
    assert "/settings/users/" not in shown
