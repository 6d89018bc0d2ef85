"""Django's admin: every model, for support."""

from typing import Any

import pytest
from django.contrib import admin
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.builders import make_client, make_clients, make_mailing, make_running
from vestnik.access.models import ApiKey, User
from vestnik.api.models import IdempotencyRecord
from vestnik.audience.models import Client, NumberRange, StopListEntry
from vestnik.audience.stop_list import Source, put
from vestnik.dashboard.admin import estimated_pagination
from vestnik.dispatch.models import Batch, EnlistmentCursor, Message
from vestnik.mailings.models import CANCEL, Mailing

MODELS = [User, ApiKey, Client, Mailing, Message, Batch, EnlistmentCursor, IdempotencyRecord]

pytestmark = pytest.mark.django_db


def browser(role: str = "admin", **fields: Any) -> Browser:
    user = User.objects.create_user("anna", password="x", role=role, is_staff=True, **fields)
    opened = Browser(headers={"accept-language": "en"})
    opened.force_login(user)
    return opened


def page(opened: Browser, name: str, *ids: int, query: str = "") -> str:
    answer = opened.get(reverse(f"admin:{name}", args=ids) + query)
    assert answer.status_code == 200
    return answer.content.decode()


def run_action(opened: Browser, action: str, *mailings: Mailing) -> str:
    answer = opened.post(
        reverse("admin:mailings_mailing_changelist"),
        {"action": action, "_selected_action": [mailing.id for mailing in mailings]},
        follow=True,
    )
    return answer.content.decode()


@pytest.mark.parametrize("model", MODELS)
def test_every_model_has_a_list_and_a_page(model: Any) -> None:
    make_running(2)
    key, _ = ApiKey.objects.issue(name="x", role="viewer")
    IdempotencyRecord.objects.create(api_key=key, key="k", status=201, body="{}")
    opened = browser()
    name = f"{model._meta.app_label}_{model._meta.model_name}"

    first = model.objects.first()
    assert first is not None
    page(opened, f"{name}_changelist")
    page(opened, f"{name}_change", first.pk)


def test_every_model_of_ours_is_there() -> None:
    ours = {model for model in admin.site._registry if model.__module__.startswith("vestnik.")}

    assert ours == set(MODELS)


@pytest.mark.parametrize("written", ["79000000003", "8 900 000 00 03", "+7 (900) 000-00-03"])
@pytest.mark.parametrize("name", ["audience_client", "dispatch_message"])
def test_a_phone_number_is_found_however_it_is_written(name: str, written: str) -> None:
    make_running(5)

    found = page(browser(), f"{name}_changelist", query=f"?q={written.replace('+', '%2B')}")

    assert "79000000003" in found
    assert "79000000002" not in found


@pytest.mark.parametrize("name", ["audience_client", "dispatch_message"])
def test_a_number_that_nobody_has_finds_nothing(name: str) -> None:
    make_running(2)

    found = page(browser(), f"{name}_changelist", query="?q=79999999999")

    assert "7900000000" not in found


def test_mailings_are_filtered_by_state() -> None:
    make_running(1, name="Underway")
    make_mailing(name="Waiting")

    found = page(browser(), "mailings_mailing_changelist", query="?state__exact=running")

    assert "Underway" in found
    assert "Waiting" not in found


def test_messages_are_filtered_by_the_state_that_the_api_shows() -> None:
    cancelled = make_running(1)
    cancelled.apply(CANCEL, actor="test")
    opened = browser()

    assert "79000000000" in page(opened, "dispatch_message_changelist", query="?state=cancelled")
    assert "79000000000" not in page(opened, "dispatch_message_changelist", query="?state=queued")
    for query in (f"?mailing={cancelled.id}", "?mailing=x", "?state=x"):
        assert "79000000000" in page(opened, "dispatch_message_changelist", query=query)
    assert "79000000000" not in page(opened, "dispatch_message_changelist", query="?mailing=99999")


def test_the_page_of_a_message_of_a_deleted_client_says_so() -> None:
    make_running(1)
    message = Message.objects.get()
    Client.objects.all().delete()

    assert "deleted" in page(browser(), "dispatch_message_change", message.id)


@pytest.mark.parametrize("name", ["mailings_mailing", "dispatch_message", "dispatch_batch"])
def test_what_the_pipeline_writes_is_read_only(name: str) -> None:
    mailing = make_running(1)
    opened = browser()
    row = {"mailings_mailing": mailing, "dispatch_batch": Batch.objects.get()}.get(
        name, Message.objects.get()
    )

    assert opened.get(reverse(f"admin:{name}_add")).status_code == 403
    assert opened.get(reverse(f"admin:{name}_delete", args=[row.pk])).status_code == 403
    saved = opened.post(reverse(f"admin:{name}_change", args=[row.pk]), {"state": "sent"})
    assert saved.status_code == 403


def test_actions_are_those_of_the_api() -> None:
    first, second, opened = make_running(1), make_mailing(starts_in=1000), browser()

    said = run_action(opened, "pause", first, second)

    assert f"Mailing {first.id} is paused." in said
    assert f"Mailing {second.id} is scheduled: pause is not possible." in said
    assert first.events.latest("id").actor == "user:anna"
    assert f"Mailing {first.id} is running." in run_action(opened, "resume", first)
    run_action(opened, "cancel", first, second)
    assert set(Mailing.objects.values_list("state", flat=True)) == {"cancelled"}


def test_a_viewer_gives_no_orders() -> None:
    mailing = make_running(1)

    run_action(browser("viewer"), "cancel", mailing)

    mailing.refresh_from_db()
    assert mailing.state == "running"


def test_the_page_of_a_mailing_shows_what_was_done_to_it() -> None:
    mailing = make_running(3)

    found = page(browser(), "mailings_mailing_change", mailing.id)

    assert "matched 3, queued 3" in found
    assert "launch" in found


def test_a_new_key_is_shown_once() -> None:
    opened = browser()

    answer = opened.post(
        reverse("admin:access_apikey_add"), {"name": "shop", "role": "operator"}, follow=True
    )

    key = ApiKey.objects.get()
    shown = answer.content.decode()
    plain = shown[shown.index("vk_") :].split(" ")[0]
    assert ApiKey.objects.find(plain) == key
    assert key.role == "operator"
    assert plain not in page(opened, "access_apikey_change", key.id)


def test_a_key_is_renamed_and_revoked_but_keeps_its_role() -> None:
    key, plain = ApiKey.objects.issue(name="shop", role="viewer")
    opened = browser()

    opened.post(
        reverse("admin:access_apikey_change", args=[key.id]), {"name": "x", "role": "admin"}
    )
    key.refresh_from_db()
    assert (key.name, key.role) == ("x", "viewer")

    opened.post(
        reverse("admin:access_apikey_changelist"),
        {"action": "revoke", "_selected_action": [key.id]},
    )
    assert ApiKey.objects.find(plain) is None


def test_a_client_is_added_with_the_operator_code_of_its_number() -> None:
    fields = {"phone_number": "79261234567", "timezone": "Asia/Omsk", "attributes": "{}"}

    browser().post(reverse("admin:audience_client_add"), fields)

    client = Client.objects.get()
    assert (client.operator_code, client.timezone) == ("926", "Asia/Omsk")


def test_a_client_is_added_with_what_its_number_tells() -> None:
    NumberRange.objects.create(first=73832000000, last=73832999999, timezone="Asia/Novosibirsk")
    fields = {"phone_number": "73832123456", "attributes": "{}"}

    browser().post(reverse("admin:audience_client_add"), fields)

    client = Client.objects.get()
    assert (client.operator_code, client.timezone) == ("383", "Asia/Novosibirsk")


def test_a_client_who_was_erased_and_comes_back_is_stopped_again() -> None:
    put(["79261234567"], Source.API)
    StopListEntry.objects.update(phone_number=None)
    fields = {"phone_number": "79261234567", "attributes": "{}"}

    browser().post(reverse("admin:audience_client_add"), fields)

    assert StopListEntry.objects.get().phone_number == "79261234567"


def test_the_operator_code_follows_a_changed_number_unless_it_was_ported() -> None:
    own, ported = make_client("79261234567"), make_client("79261234568", operator_code="900")
    put(["79161234568"], Source.API)
    StopListEntry.objects.update(phone_number=None)
    opened = browser()

    for client, number in ((own, "79161234567"), (ported, "79161234568")):
        fields = {
            "operator_code": client.operator_code,
            "timezone": "Asia/Omsk",
            "attributes": "{}",
        }
        address = reverse("admin:audience_client_change", args=[client.id])
        opened.post(address, {"phone_number": number, **fields})

    assert list(Client.objects.order_by("id").values_list("phone_number", "operator_code")) == [
        ("79161234567", "916"),
        ("79161234568", "900"),
    ]
    assert StopListEntry.objects.get().phone_number == "79161234568"


def test_a_client_that_is_wrong_is_refused_with_the_remedy() -> None:
    fields = {"phone_number": "89261234567", "timezone": "x", "attributes": "[]"}

    said = browser().post(reverse("admin:audience_client_add"), fields).content.decode()

    assert "Write it as 7XXXXXXXXXX: 79261234567." in said
    assert "Europe/Moscow" in said
    assert "Give an object" in said


def test_deleting_clients_cancels_what_is_queued_for_them() -> None:
    make_running(3)
    first, *others = Client.objects.all()
    opened = browser()

    opened.post(reverse("admin:audience_client_delete", args=[first.id]), {"post": "yes"})
    opened.post(
        reverse("admin:audience_client_changelist"),
        {
            "action": "delete_selected",
            "_selected_action": [client.id for client in others],
            "post": "yes",
        },
    )

    assert not Client.objects.exists()
    assert set(Message.objects.values_list("state", flat=True)) == {"cancelled"}


@pytest.mark.parametrize("name", ["audience_client", "mailings_mailing", "dispatch_message"])
def test_a_list_costs_the_same_whatever_is_in_it(name: str) -> None:
    opened = browser()
    make_running(1)
    few = queries(opened, name)
    make_clients(40, first=100)
    for _ in range(5):
        make_mailing()

    assert queries(opened, name) == few


def queries(opened: Browser, name: str) -> int:
    with CaptureQueriesContext(connection) as found:
        page(opened, f"{name}_changelist")
    return len(found)


def test_no_list_counts_a_large_table(monkeypatch: pytest.MonkeyPatch) -> None:
    make_clients(30)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE audience_client")
    make_clients(5, first=100)
    monkeypatch.setattr(estimated_pagination, "COUNTED", 10)

    everything = estimated_pagination.EstimatingPaginator(Client.objects.order_by("id"), 5)
    some = estimated_pagination.EstimatingPaginator(
        Client.objects.filter(id__gt=0).order_by("id"), 5
    )

    assert everything.count == 30  # the estimate of the time of ANALYZE
    assert some.count == 11  # more than it counts


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_users_and_keys_are_for_those_who_manage(role: str) -> None:
    opened = browser(role)

    for name in ("access_user", "access_apikey"):
        assert opened.get(reverse(f"admin:{name}_changelist")).status_code == 403


@pytest.mark.parametrize("change", [{"role": "viewer"}, {"is_active": ""}])
def test_the_last_admin_stays_one(change: dict[str, str]) -> None:
    opened = browser()
    anna = User.objects.get()
    others = {"username": "anna", "is_staff": "on", "role": "admin", "is_active": "on"} | change
    joined = {"date_joined_0": "2026-01-01", "date_joined_1": "00:00"}
    at = reverse("admin:access_user_change", args=[anna.id])

    answer = opened.post(at, others | joined)
    anna.refresh_from_db()
    assert "make another user an admin first" in answer.content.decode()
    assert (anna.role, anna.is_active) == ("admin", True)

    User.objects.create_user("boris", password="x", role="admin")
    assert opened.post(at, others | joined).status_code == 302


def test_users_are_deactivated_rather_than_deleted() -> None:
    opened = browser()
    boris = User.objects.create_user("boris", password="x", role="admin")

    assert opened.post(reverse("admin:access_user_delete", args=[boris.id])).status_code == 403


def test_who_is_not_of_the_staff_stays_outside() -> None:
    user = User.objects.create_user("ivan", password="x", role="admin")
    opened = Browser()
    opened.force_login(user)

    assert opened.get("/admin/").status_code == 302


def test_a_user_found_in_a_client_is_a_link_to_their_messages() -> None:
    client = make_client("79261234567")

    found = page(browser(), "audience_client_change", client.id)

    assert "?q=79261234567" in found
