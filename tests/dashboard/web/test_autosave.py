"""What is written and not saved comes back, to its user alone, and becomes nothing by itself."""

import html
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.test import Client as Browser

from tests.builders import from_now, make_client
from tests.dashboard.mailings.writing import Fields, agreed, browser, condition, written
from tests.dashboard.visiting import PASSWORD, make_user, visitor
from vestnik.access.models import User
from vestnik.access.sessions import Session
from vestnik.dashboard.models import UnsavedForm
from vestnik.dashboard.web import autosave
from vestnik.dispatch.suppress.erasure import erase_client
from vestnik.mailings.models import Mailing

pytestmark = pytest.mark.django_db

NEW = "/mailings/new/"
TAGGED = {"include": ["0"], **condition("include", 0, what="tag", values=["vip", "gold"])}


@pytest.fixture(autouse=True)
def _provider(settings: Any) -> None:
    settings.SMS_PROVIDERS = {"null": {"BACKEND": "null", "OPTIONS": {}}}


def kept(opened: Any, address: str = NEW, **fields: Any) -> str:
    form = written(do="autosave", **fields)
    assert opened.post(address, form).status_code == 204
    return f"{address}?unsaved={form['token']}"


def test_all_of_the_form_comes_back_and_nothing_is_made_of_it() -> None:
    opened = browser()
    fields = {"name": "Half", "text": "", "starts_at": "soon", "rate_limit": "5-", **TAGGED}

    page = opened.get(kept(opened, **fields)).content.decode()

    for value in ("Half", "soon", "5-", "vip", "gold"):
        assert f'value="{value}"' in page
    assert "unsaved input" in page
    assert 'class="error"' not in page
    assert not Mailing.objects.exists()


def test_a_page_that_is_opened_anew_says_what_was_left() -> None:
    opened = browser()
    address = kept(opened)

    page = opened.get(NEW).content.decode()

    assert f'href="{address}"' in page
    assert 'value="Sale"' not in page


def test_nobody_else_sees_it_or_writes_into_it() -> None:
    address = kept(browser(), name="Mine")
    another = browser("admin")
    token = address.split("=")[1]

    assert 'value="Mine"' not in another.get(address).content.decode()
    assert another.post(NEW, written(do="autosave", token=token)).status_code == 409
    assert another.post(NEW, {"do": "discard", "token": token}).status_code == 302
    assert 'value="Mine"' in browser().get(address).content.decode()
    assert browser("viewer").post(NEW, written(do="autosave")).status_code == 403


@pytest.mark.parametrize("ends", ["schedule", "draft", "discard"])
def test_what_was_saved_or_discarded_does_not_come_back(ends: str) -> None:
    """Also where a slower request brings it once more."""
    opened = browser()
    form = written(do="autosave", name="Gone")
    opened.post(NEW, form)

    assert agreed(opened, NEW, form | {"do": ends}).status_code == 302
    assert opened.post(NEW, form).status_code == 409

    page = opened.get(f"{NEW}?unsaved={form['token']}").content.decode()
    assert 'value="Gone"' not in page
    assert "saved or discarded" in page


def test_what_is_kept_of_a_mailing_that_is_changed_keeps_what_the_page_had_shown() -> None:
    draft = Mailing.objects.draft(
        text="Hi", provider="null", starts_at=from_now(3600), ends_at=from_now(7200)
    )
    opened, address = browser(), f"/mailings/{draft.id}/edit/"
    opened.get(address)
    marks = opened.get(address).context["editor"].marks
    restored = opened.get(kept(opened, address, text="Mine", shown=marks))
    draft.change({"text": "Theirs"}, actor="another")

    assert restored.context["editor"].marks == marks
    assert b">\nMine<" in restored.content


@pytest.mark.parametrize(
    "query", ["unsaved=x", "unsaved=", "unsaved=3e0c1f9a-0000-4000-8000-000000000000"]
)
def test_an_address_that_names_nothing_opens_an_empty_page(query: str) -> None:
    assert browser().get(f"{NEW}?{query}").status_code == 200


def test_it_is_bounded() -> None:
    browser()
    user = User.objects.get(username="operator")
    large = [("text", "x" * autosave.MAX_BYTES)]
    assert not autosave.save(user, _token(), NEW, large)
    assert autosave.save(user, _token(), NEW, [("text", "a\x00b")])

    for _ in range(autosave.MAX_PER_USER + 2):
        autosave.save(user, _token(), NEW, [("text", "x")])
    assert UnsavedForm.objects.count() == autosave.MAX_PER_USER
    UnsavedForm.objects.update(saved_at=from_now(-15 * 86_400))
    autosave.save(user, _token(), NEW, [("text", "x")])
    assert UnsavedForm.objects.count() == 1


def test_what_is_too_large_to_be_kept_is_told_from_what_is_done() -> None:
    opened = browser()
    large = written(do="autosave", text="x" * autosave.MAX_BYTES)

    assert opened.post(NEW, large).status_code == 413
    assert 'data-large="The text is too long to be autosaved' in opened.get(NEW).content.decode()


def test_numbers_of_a_test_are_not_kept() -> None:
    kept(browser(), test_numbers="79261234567")

    assert "7926" not in str(UnsavedForm.objects.get().fields)


@pytest.mark.parametrize(
    ("text", "blanked"),
    [
        ("Call 79261234567 now", "Call *** now"),
        ("+7 (926) 123-45-67, 8 926 123 45 67", "***, ***"),
        ("9261234567", "***"),
        ("Call 79261234568 now", "Call 79261234568 now"),
        ("Order 926-1, 2 for 34567", "Order 926-1, 2 for 34567"),
    ],
)
def test_the_number_of_an_erased_client_is_blanked(text: str, blanked: str) -> None:
    """In the text and in the values of conditions; all else that was written stays."""
    client = make_client("79261234567")
    number = condition("include", 0, what="tag", values=["79261234567", "gold"])
    address = kept(browser(), text=text, name="Mine", include=["0"], **number)

    erase_client(client.pk)

    [left] = UnsavedForm.objects.values_list("fields", flat=True)
    assert ["text", blanked] in left
    assert ["name", "Mine"] in left
    values = [value for name, value in left if value in ("***", "gold")]
    assert "79261234567" not in str(left)
    assert "gold" in values
    assert 'value="gold"' in browser().get(address).content.decode()


def _token() -> UUID:

    return uuid4()


def test_a_session_that_ends_in_mid_form_loses_nothing() -> None:
    make_user("anna")
    opened = visitor()
    form = written(do="schedule", name="Kept", starts_at="soon", **TAGGED)

    asked = opened.post(NEW, form)
    fields = Fields(asked.content.decode().replace("<form ", '<form id="login" ', 1), "login").sent
    wrong = opened.post("/login/", {**fields, "username": "anna", "password": "no"})
    back = opened.post("/login/", {**fields, "username": "anna", "password": PASSWORD}, follow=True)

    assert asked.status_code == 401
    assert fields["carried"][0] in html.unescape(wrong.content.decode())
    page = back.content.decode()
    for value in ("Kept", "soon", "vip", "gold"):
        assert f'value="{value}"' in page
    assert not Mailing.objects.exists()


def test_what_one_has_written_is_not_shown_to_the_next_who_logs_in() -> None:
    """On a computer that they share: neither on the login page nor behind it."""
    anna, boris = make_user("anna"), make_user("boris")
    opened = visitor(anna)
    form = written(do="autosave", name="Annas secret", text="Annas text")
    assert opened.post(NEW, form).status_code == 204
    Session.objects.filter(user=anna).delete()

    asked = opened.post(NEW, {**form, "do": "schedule", "text": "Annas last text"})
    page = asked.content.decode()
    fields = Fields(page.replace("<form ", '<form id="login" ', 1), "login").sent
    others = visitor().post(
        "/login/", {**fields, "username": "boris", "password": PASSWORD}, follow=True
    )
    hers = visitor().post(
        "/login/", {**fields, "username": "anna", "password": PASSWORD}, follow=True
    )

    assert asked.status_code == 401
    assert "Your input is kept" in page
    for shown in (page, others.content.decode()):
        assert "Annas" not in shown
    assert "Annas last text" in hers.content.decode()
    assert not UnsavedForm.objects.filter(user=boris).exists()


def test_a_page_of_another_who_was_logged_in_before_is_kept_for_them_alone() -> None:
    anna, boris = make_user("anna"), make_user("boris")
    form = written(do="autosave", name="Annas secret")
    assert visitor(anna).post(NEW, form).status_code == 204
    opened = Browser(
        enforce_csrf_checks=True, headers={"accept": "text/html", "origin": "http://testserver"}
    )
    opened.force_login(boris)

    answer = opened.post(NEW, {**form, "do": "schedule", "csrfmiddlewaretoken": "x" * 64})

    assert answer.status_code == 302
    assert "Annas" not in opened.get(answer["Location"]).content.decode()
    assert {kept.user_id for kept in UnsavedForm.objects.all()} == {anna.pk}


@pytest.mark.parametrize("carried", ["x", "[1]", "[[1, 2]]", "{}", '[["token", "x"]]', "[" * 9999])
@pytest.mark.parametrize(
    "page", [NEW, "https://elsewhere.example/", "/account/", "/mailings/9/edit/"]
)
def test_a_login_that_carries_nonsense_is_a_login(carried: str, page: str) -> None:
    make_user("anna")
    fields = {"username": "anna", "password": PASSWORD, "carried": carried, "next": page}

    answer = visitor().post("/login/", fields)

    assert answer.status_code == 302
    assert "elsewhere" not in answer["Location"]


@pytest.mark.parametrize("is_logged_in", [True, False])
@pytest.mark.parametrize(
    ("origin", "comes_back"), [("http://testserver", True), ("https://evil.example", False)]
)
def test_a_page_of_an_earlier_login_comes_back_to_its_own_origin(
    is_logged_in: bool, origin: str, comes_back: bool
) -> None:
    user = make_user("anna")
    opened = Browser(enforce_csrf_checks=True, headers={"accept": "text/html", "origin": origin})
    if is_logged_in:
        opened.force_login(user)

    answer = opened.post(NEW, written(do="schedule", name="Kept", csrfmiddlewaretoken="x" * 64))

    assert answer.status_code == (403 if not comes_back else 302 if is_logged_in else 401)
    assert UnsavedForm.objects.count() == (comes_back and is_logged_in)
    if comes_back and is_logged_in:
        assert 'value="Kept"' in opened.get(answer["Location"]).content.decode()
    assert not Mailing.objects.exists()


def test_what_is_written_anew_on_a_saved_page_outlives_the_login() -> None:
    user, token = make_user(), uuid4()
    assert autosave.save(user, token, NEW, [("token", str(token)), ("text", "Saved")])
    autosave.finish(user, token, NEW)

    fields = [("token", str(token)), ("text", "Written after Back")]
    address = autosave.save_before_login(user, NEW, fields)

    kept = autosave.find(user, address.partition("unsaved=")[2], NEW)
    assert kept is not None
    assert ["text", "Written after Back"] in (kept.fields or [])


def test_what_somebody_left_long_ago_is_cleared_by_whoever_writes_next() -> None:
    gone, other = make_user("gone"), make_user("other")
    assert autosave.save(gone, uuid4(), NEW, [("text", "Hello")])
    UnsavedForm.objects.update(saved_at=from_now(-15 * 24 * 3600))
    assert autosave.save(other, uuid4(), NEW, [("text", "Hello")])
    assert not UnsavedForm.objects.filter(user=gone).exists()
