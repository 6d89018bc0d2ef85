"""What is opened and saved without a change is what it was, on every page.

`--hypothesis-profile=thorough` tries 2,000 objects of each kind.
"""

import csv
import io
import re
from contextlib import suppress
from datetime import timedelta
from typing import Any
from unicodedata import normalize

import pytest
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client as Browser
from django.utils import timezone
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.audience.importing.test_export_and_import import NAMES, TEXTS, WRITERS
from tests.builders import make_client, make_mailing
from tests.dashboard.mailings.writing import browser
from tests.dashboard.objects import ATTRIBUTES, HOURS, LINES, NAMED, filters
from tests.dashboard.untouched import Form, saved, untouched
from vestnik.access.models import ApiKey, User
from vestnik.access.roles import Role
from vestnik.audience.importing import run, stored
from vestnik.audience.importing.columns.header import FIELDS, meaning
from vestnik.audience.importing.errors import FileProblem
from vestnik.audience.models import Client, Import, SavedAudience
from vestnik.audience.validation import validate_attributes
from vestnik.mailings.models import Mailing, MailingState
from vestnik.mailings.rules import validate_text
from vestnik.one_line import BREAKS
from vestnik.reports.files import exports

pytestmark = pytest.mark.django_db

#: Without making a failure smaller, and fewer than elsewhere: each try is some requests.
tried = settings(
    max_examples=30 if settings().max_examples == 100 else settings().max_examples,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def written(value: Any) -> str:
    """To the type: 1, 1.0 and true are not the same."""
    if isinstance(value, dict):
        return repr(sorted((name, written(one)) for name, one in value.items()))
    return repr([*map(written, value)]) if isinstance(value, list) else repr(value)


def fields_of(thing: Any, *names: str) -> dict[str, str]:
    return {name: written(getattr(thing, name)) for name in names}


@pytest.fixture
def mailings() -> list[int]:
    """Of which filters ask who got them."""
    return [make_mailing().id for _ in range(2)]


@given(language=st.sampled_from(["en", "ru"]), data=st.data())
@tried
def test_a_saved_audience(mailings: list[int], language: str, data: st.DataObject) -> None:
    fields = {"filter": data.draw(filters(mailings)), "name": data.draw(NAMED.filter(str.strip))}
    opened = browser(language=language)
    SavedAudience.objects.all().delete()
    address = f"/clients/audiences/{SavedAudience.objects.create(**fields).id}/"
    was = fields_of(SavedAudience.objects.get(), "name", "filter")

    saved(opened, address, untouched(opened, address, "rows"), do="save")
    assert fields_of(SavedAudience.objects.get(), "name", "filter") == was

    sent = untouched(opened, address, "rows")
    saved(opened, address, sent | {"name": ["renamed"]}, do="save")
    assert fields_of(SavedAudience.objects.get(), "name", "filter") == was | {
        "name": written("renamed")
    }


COPIED = ("text", "filter", "local_hours", "provider", "rate_limit")


@given(language=st.sampled_from(["en", "ru"]), data=st.data())
@tried
def test_a_mailing_and_its_copy(language: str, mailings: list[int], data: st.DataObject) -> None:
    opened = browser(language=language)
    mailing = _mailing(data, mailings)
    names = (*COPIED, "name", "starts_at", "ends_at", "state")
    was = fields_of(Mailing.objects.get(id=mailing.id), *names)
    address = f"/mailings/{mailing.id}/edit/"
    button = "draft" if mailing.state == MailingState.DRAFT else "save"

    saved(opened, address, untouched(opened, address, "rows"), do=button)
    now = Mailing.objects.get(id=mailing.id)
    assert fields_of(now, *names) == was
    assert not now.events.filter(event="change").exists()

    copying = f"/mailings/new/?copy={mailing.id}"
    answer = saved(
        opened, "/mailings/new/", untouched(opened, copying, "rows"), do="draft", confirm_text="on"
    )
    copy = Mailing.objects.get(id=answer["Location"].split("/")[-2])
    assert fields_of(copy, *COPIED) == {name: was[name] for name in COPIED}
    assert copy.name == BREAKS.sub("", mailing.name).strip()  # as it would be typed


def _mailing(data: st.DataObject, mailings: list[int]) -> Mailing:
    ahead = data.draw(st.timedeltas(timedelta(minutes=1), timedelta(days=1000)))
    starts_at = timezone.now() + ahead
    make = Mailing.objects.draft if data.draw(st.booleans()) else Mailing.objects.schedule
    mailing: Mailing = make(
        name=data.draw(NAMED),
        text=data.draw(LINES.map(_sendable).filter(bool)),
        filter=data.draw(filters(mailings)),
        starts_at=starts_at,
        ends_at=starts_at + data.draw(st.timedeltas(timedelta(minutes=1), timedelta(days=300))),
        local_hours=data.draw(HOURS),
        provider="console",
        rate_limit=data.draw(st.none() | st.integers(1, 1_000_000)),
    )
    return mailing


def _sendable(text: str) -> str:
    try:
        return validate_text(f"{text}.")
    except ValidationError:
        return ""


@pytest.mark.parametrize("page", ["/clients/{}/edit/", "/admin/audience/client/{}/change/"])
@given(
    tag=LINES.map(lambda tag: tag[:100]),
    attributes=ATTRIBUTES,
    code=st.sampled_from(["926", "900"]),
)
@tried
def test_a_client(page: str, tag: str, attributes: dict[str, Any], code: str) -> None:
    try:
        validate_attributes(attributes)
    except ValidationError:
        return
    opened = browser("admin", is_staff=True, is_superuser=True)
    made = make_client(tag=tag, operator_code=code, timezone="Asia/Omsk", attributes=attributes)
    names = ("phone_number", "operator_code", "tag", "timezone", "timezone_source", "attributes")
    was = fields_of(Client.objects.get(), *names)
    address = page.format(made.id)

    saved(opened, address, untouched(opened, address, "phone_number"))

    assert fields_of(Client.objects.get(), *names) == was
    Client.objects.all().delete()


HEADINGS = st.lists(NAMES | NAMES.map("attributes.{}".format), min_size=1, max_size=5)


@given(headings=HEADINGS, cells=st.lists(TEXTS, min_size=5, max_size=5))
@tried
def test_the_columns_of_a_file(headings: list[str], cells: list[str]) -> None:
    """What the page shows of a file is what is read when it is started as it is."""
    opened = browser()
    job = _handed_in(opened, _csv([["phone", *headings], ["79261234567", *cells[: len(headings)]]]))
    if job is None:
        return
    address = f"/clients/imports/{job.id}/"
    page = opened.get(address)
    draft = page.context["draft"]
    shown = draft.kept
    answer = opened.post(address, Form(page.content.decode(), "columns").sent | {"start": "1"})
    assert answer.status_code == (422 if draft.problem else 302)
    if not draft.problem:
        job.refresh_from_db()
        assert {name: job.options.get(name) for name in shown} == shown
        for n, name in enumerate(draft.peek.table.names, start=1):
            with suppress(FileProblem):  # a name that is too long is left out
                assert shown["mapping"][str(n)] == meaning(n, name, {}, FIELDS["clients"])


@given(attributes=ATTRIBUTES)
@tried
def test_an_export_is_read_on_the_page_as_what_it_was(attributes: dict[str, Any]) -> None:
    opened = browser()
    Client.objects.all().delete()
    made = make_client(attributes=attributes)
    job = _handed_in(opened, b"".join(WRITERS["csv"](exports.clients(Client.objects.all()))))
    assert job is not None
    was = fields_of(Client.objects.get(), "phone_number", "tag", "attributes")
    made.delete()

    address = f"/clients/imports/{job.id}/"
    saved(opened, address, untouched(opened, address, "columns"), start="1")
    job.refresh_from_db()
    with stored.content(job) as file:
        run.run(job, file)

    assert (job.error, job.refused) == ("", 0), job.options
    assert fields_of(Client.objects.get(), "phone_number", "tag", "attributes") == was


def _handed_in(opened: Browser, content: bytes) -> Import | None:
    """None where it is no file of clients, which the page of the files says."""
    answer = opened.post(
        "/clients/import/", {"file": SimpleUploadedFile("a.csv", content), "into": "clients"}
    )
    return None if answer.status_code != 302 else Import.objects.latest("id")


def _csv(rows: list[list[str]]) -> bytes:
    written = io.StringIO()
    csv.writer(written).writerows(rows)
    return written.getvalue().encode()


USERS = ("username", "role", "first_name", "last_name", "email", "is_active", "is_staff")
# Some letters are a letter and a sign once they are normalised, as Django does with what is typed.
NAMES_OF_USERS = (
    st.text(st.characters(categories=["L", "Nd"]), min_size=1, max_size=20)
    .map(lambda name: f"u{normalize('NFKC', name)}")
    .filter(re.compile(r"[\w.@+-]+").fullmatch)
)


@given(
    username=NAMES_OF_USERS,
    name=LINES.map(lambda text: text[:150]),
    role=st.sampled_from(Role.values),
)
@tried
def test_a_user(username: str, name: str, role: str) -> None:
    opened = browser("admin", is_staff=True, is_superuser=True)
    User.objects.exclude(username="admin").delete()
    made = User.objects.create(username=username, role=role, first_name=name)
    names = (*USERS, "date_joined", "last_login", "password", "timezone")
    was = fields_of(User.objects.get(id=made.id), *names)

    address = f"/admin/access/user/{made.id}/change/"
    saved(opened, address, untouched(opened, address, "username"))
    assert fields_of(User.objects.get(id=made.id), *names) == was

    sent = untouched(opened, f"/settings/users/{made.id}/", "role")
    saved(opened, f"/settings/users/{made.id}/role/", sent)
    assert fields_of(User.objects.get(id=made.id), *names) == was


@given(name=LINES.filter(str.strip).map(lambda text: text[:100]), role=st.sampled_from(Role.values))
@tried
def test_a_key_of_the_api(name: str, role: str) -> None:
    opened = browser("admin", is_staff=True, is_superuser=True)
    made = ApiKey.objects.issue(name=name, role=role)[0]
    names = ("name", "role", "digest", "created_at", "revoked_at")
    was = fields_of(ApiKey.objects.get(id=made.id), *names)

    address = f"/admin/access/apikey/{made.id}/change/"
    saved(opened, address, untouched(opened, address, "name"))

    assert fields_of(ApiKey.objects.get(id=made.id), *names) == was


def test_an_open_page_of_the_admin_sets_nothing_back() -> None:
    """Another has given the client a tag and taken the user's role away since it was opened."""
    opened = browser("admin", is_staff=True, is_superuser=True)
    client = make_client(tag="old")
    user = User.objects.create(username="somebody", role="admin")
    pages = {
        f"/admin/audience/client/{client.id}/change/": ("phone_number", {"operator_code": ["900"]}),
        f"/admin/access/user/{user.id}/change/": ("username", {"first_name": ["Anna"]}),
    }
    forms = {address: untouched(opened, address, field) for address, (field, _) in pages.items()}
    Client.objects.update(tag="new", attributes={"vip": True})
    User.objects.filter(id=user.id).update(role="viewer")

    for address, (_, change) in pages.items():
        saved(opened, address, forms[address] | change)

    now, person = Client.objects.get(), User.objects.get(id=user.id)
    assert (now.operator_code, now.tag, now.attributes) == ("900", "new", {"vip": True})
    assert (person.first_name, person.role) == ("Anna", "viewer")


@pytest.mark.parametrize(
    ("was", "typed", "kept"),
    [
        (" vip ", " vip ", " vip "),
        (" vip ", "vip", "vip"),
        ("vip", " new ", "new"),
        ("a\nb", "ab", "a\nb"),
        ("vip", "", ""),
    ],
)
def test_a_tag_in_the_admin_is_what_is_typed(was: str, typed: str, kept: str) -> None:
    opened = browser("admin", is_staff=True, is_superuser=True)
    address = f"/admin/audience/client/{make_client(tag=was).id}/change/"

    saved(opened, address, untouched(opened, address, "phone_number") | {"tag": [typed]})

    assert Client.objects.get().tag == kept


@pytest.mark.parametrize(
    ("stored_filter", "typed", "kept"),
    [
        # Typed anew, a word or number is what attributes may hold of it.
        ({}, ["yes"], ["yes", True]),
        ({}, ["Да"], ["Да", True]),
        ({}, ["no"], ["no", False]),
        ({}, ["1234567890123456"], ["1234567890123456", 1234567890123456]),
        ({}, ["042"], ["042"]),
        # Beside a new value those of before are what they were.
        ({"vip": True}, ["yes", "VIP"], [True, "VIP"]),
        ({"vip": [42]}, ["42", "43"], [42, "43", 43]),
        ({"vip": ["42"]}, ["43"], ["43", 43]),
        ({"vip": ["true", True]}, ["true"], ["true"]),
    ],
)
def test_a_value_that_is_added(
    stored_filter: dict[str, Any], typed: list[str], kept: list[Any]
) -> None:
    saved_one = SavedAudience.objects.create(name="one", filter={"attributes": stored_filter})
    opened, address = browser(), f"/clients/audiences/{saved_one.id}/"
    sent: dict[str, Any] = untouched(opened, address, "rows")
    sent |= {"rows": "1", "include": ["0"], "include-0-what": "equals", "include-0-name": "vip"}

    saved(opened, address, sent | {"include-0-values": typed}, do="save")

    assert written(SavedAudience.objects.get().filter) == written({"attributes": {"vip": kept}})


UNREADABLE = (
    *("", "[", "[]", "null", '["vip"]', '["vip", null]', '["vip", {"all": 1}]', '["other", true]'),
    *('["vip", 1e999]', '["vip", NaN]', '["vip", [1, null]]', "[1, true]", "9" * 5000),
    *(r'["vip", "\u0000"]', '["vip", {"gte": "x"}]', "[" * 100_000),
)


@pytest.mark.parametrize("was", UNREADABLE, ids=range(len(UNREADABLE)))
def test_what_a_row_carries_and_does_not_show_is_not_believed(was: str) -> None:
    row = {"rows": "1", "include": ["0"], "include-0-what": "equals", "include-0-name": "vip"}
    sent = {"name": "one", **row, "include-0-values": ["VIP"], "include-0-was": was}

    saved(browser(), "/clients/audiences/new/", sent, do="save")

    assert SavedAudience.objects.get().filter == {"attributes": {"vip": ["VIP"]}}
