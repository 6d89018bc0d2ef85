"""The page on which a mailing is written, copied and changed."""

import html
import json
import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone, translation

from tests.api.caller import YEAR
from tests.builders import from_now, make_client, make_clients, make_mailing
from tests.dashboard.mailings.writing import (
    agreed,
    at,
    browser,
    condition,
    local,
    question,
    written,
)
from vestnik.audience.models import Client, SavedAudience
from vestnik.audience.stop_list import put
from vestnik.dashboard.models import Submission
from vestnik.dashboard.wording import moments
from vestnik.dispatch.models import Message
from vestnik.mailings.models import CANCEL, LAUNCH, Mailing
from vestnik.mailings.rules import validate_hours
from vestnik.providers.registry import describe

pytestmark = pytest.mark.django_db

NEW = "/mailings/new/"
TAGGED = condition("include", 0, what="tag", values=["vip"])


@pytest.fixture(autouse=True)
def _nothing_remembered(settings: Any) -> Iterator[None]:
    settings.SMS_PROVIDERS = {
        "null": {"BACKEND": "null", "OPTIONS": {"price_per_segment": "2.50", "max_rate": "100"}},
        "console": {"BACKEND": "console", "OPTIONS": {}},
    }
    describe.cache_clear()
    cache.clear()
    yield
    describe.cache_clear()


def shown(opened: Browser, address: str = NEW, **post: Any) -> str:
    answer = opened.post(address, post) if post else opened.get(address)
    assert answer.status_code == 200, answer
    return answer.content.decode()


def saved(opened: Browser, do: str = "schedule", address: str = NEW, **changes: Any) -> Mailing:
    answer = agreed(opened, address, written(do=do, **changes))
    assert answer.status_code == 302, answer.content.decode()
    mailing = Mailing.objects.latest("id")
    assert answer["Location"] == reverse("mailing-page", args=[mailing.id])
    return mailing


def preview(opened: Browser, **changes: Any) -> str:
    answer = opened.post("/mailings/new/preview/", written(**changes))
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_mailing_is_scheduled_as_it_is_written() -> None:
    mailing = saved(
        browser(),
        text="Hi {{ tag }}",
        hours_from="10:00",
        hours_until="20:00",
        rate_limit="50",
        include=["0", "1", "4"],
        exclude=["2"],
        **condition("include", 0, what="code", values=["905, 926", "916"]),
        **condition("include", 1, what="equals", name="city", values=["Казань", "Уфа", ""]),
        **condition("include", 4, what="range", name="age", gte="18", lte="30,5"),
        **condition("exclude", 2, what="tag", values=["staff"]),
    )

    assert mailing.state == "scheduled"
    assert (mailing.name, mailing.text, mailing.provider) == ("Sale", "Hi {{ tag }}", "null")
    assert mailing.local_hours == {"from": "10:00", "until": "20:00"}
    assert mailing.rate_limit == 50
    assert mailing.filter == {
        "operator_codes": ["905", "926", "916"],
        "attributes": {"city": ["Казань", "Уфа"], "age": {"gte": 18, "lte": 30.5}},
        "exclude": {"tags": ["staff"]},
    }
    assert mailing.events.get().actor == "user:operator"


@pytest.mark.parametrize(
    ("written_hours", "kept"),
    [
        (("9", "21"), ("09:00", "21:00")),
        (("09", "21:30"), ("09:00", "21:30")),
        (("9.15", "09:20:00"), ("09:15", "09:20")),
    ],
)
@pytest.mark.parametrize("rate", ["1000", "1 000", "1\u00a0000", "1\u202f000", " 1000 "])
def test_what_people_type_means_what_they_mean(
    written_hours: tuple[str, str], kept: tuple[str, str], rate: str
) -> None:
    hours_from, hours_until = written_hours

    mailing = saved(browser(), hours_from=hours_from, hours_until=hours_until, rate_limit=rate)

    assert mailing.local_hours == {"from": kept[0], "until": kept[1]}
    assert mailing.rate_limit == 1000


MOMENTS = [
    ("Europe/Moscow", "02.12.2029 10:00", "2029-12-02T07:00"),
    ("Europe/Moscow", "2.12.2029, 9:05", "2029-12-02T06:05"),
    ("Europe/Moscow", "2029-12-02T10:00", "2029-12-02T07:00"),
    ("Europe/Moscow", "2029-12-02 10:00:00", "2029-12-02T07:00"),
    ("Europe/Moscow", "2029-12-02 10.00", "2029-12-02T07:00"),
    ("Europe/Moscow", "02.12.2029 10:00 UTC+5", "2029-12-02T05:00"),
    ("Europe/Moscow", "02.12.2029 10:00+05:30", "2029-12-02T04:30"),
    ("Europe/Berlin", "2026-10-25 02:30 UTC+2", "2026-10-25T00:30"),
    ("Europe/Berlin", "2026-10-25 02:30 UTC+1", "2026-10-25T01:30"),
    ("Europe/Berlin", "2026-10-25 02:30", "comes twice: write UTC+2 or UTC+1"),
    ("Europe/Berlin", "2026-03-29 02:30", "does not exist"),
    ("Europe/Moscow", "32.12.2029 10:00", "Enter a valid"),
    ("Europe/Moscow", "02.12.99 10:00", "Enter a valid"),
    ("Europe/Moscow", "12/02/2099 10:00", "Enter a valid"),
    ("Europe/Moscow", "02.12.2029", "Enter a valid"),
    ("Europe/Moscow", "0001-01-01 00:00", "Enter a valid"),
    ("Europe/Moscow", "02.12.2029 10:00 UTC+99", "Enter a valid"),
    ("Europe/Moscow", "02.12.2029 24:00", "Enter a valid"),
    ("Europe/Moscow", "02.12.2029 25:99", "Enter a valid"),
    ("Europe/Moscow", "02.12.2029 9:5", "Enter a valid"),
    ("Europe/Moscow", "30.02.2029 10:00", "Enter a valid"),
    ("Europe/Moscow", "\x00", "Enter a valid"),
]


@pytest.mark.parametrize(("zone", "text", "meant"), MOMENTS)
def test_a_written_time_is_that_instant_or_is_refused(zone: str, text: str, meant: str) -> None:
    with timezone.override(zone):
        try:
            found = moments.parse_moment(text).astimezone(UTC).isoformat()
        except ValidationError as error:
            found = error.messages[0]

    assert meant in found


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("9", "09:00"), ("9:05", "09:05"), ("09.30", "09:30"), ("0", "00:00"), ("23:59", "23:59")]
    + [(typed, None) for typed in ("25:99", "9:5", "24:00", "18:60", "24", "noon")],
)
def test_an_hour_of_the_day_is_that_hour_or_is_refused(typed: str, meant: str | None) -> None:
    hours = {"from": moments.Hour().clean(typed), "until": "08:00"}
    if meant:
        assert validate_hours(hours)["from"] == meant
        return
    with pytest.raises(ValidationError) as refused:
        validate_hours(hours)
    assert list(refused.value.message_dict) == ["from"]


@pytest.mark.parametrize("language", ["ru", "en"])
def test_a_mailing_that_ends_in_a_repeated_hour_is_opened_and_saved_as_it_is(language: str) -> None:
    for hour in ("00:30", "01:30"):  # 02:30 in Berlin, twice
        instant = datetime.fromisoformat(f"2027-10-31T{hour}+00:00")
        with timezone.override("Europe/Berlin"), translation.override(language):
            assert moments.parse_moment(moments.format_moment(instant)) == instant


def test_each_time_says_the_offset_of_its_own_day(settings: Any) -> None:
    """And what stands above both says none: it was that of today."""
    settings.TIME_ZONE = "Europe/Berlin"
    make_clients(1)
    opened = browser()
    summer, winter = ("2027-10-30T08:00:00+00:00", "2027-11-01T08:00:00+00:00")
    mailing = make_mailing()
    Mailing.objects.update(starts_at=summer, ends_at=winter)

    for address in (NEW, f"/mailings/{mailing.id}/edit/"):
        page = shown(opened, address)
        assert "time of Europe/Berlin</span>" in page
    offsets = re.findall(r"data-offset>Europe/Berlin, (UTC\+\d)<", page)
    assert offsets == ["UTC+2", "UTC+1"]
    report = shown(opened, f"/mailings/{mailing.id}/report/")
    assert "Times are in the zone Europe/Berlin, UTC+2" in report


def test_a_draft_waits() -> None:
    mailing = saved(browser(), do="draft", starts="now")

    assert mailing.state == "draft"


def test_a_mailing_starts_at_once() -> None:
    mailing = saved(browser(), starts="now")

    assert abs(mailing.starts_at - timezone.now()) < timedelta(seconds=30)


def test_times_are_read_in_the_operators_own_zone() -> None:
    opened = browser(timezone="Asia/Vladivostok")

    mailing = saved(opened, starts_at=f"{YEAR}-03-01T10:00", ends_at=f"{YEAR}-03-01T12:00")

    assert mailing.starts_at.isoformat() == f"{YEAR}-03-01T00:00:00+00:00"
    assert "UTC+10" in shown(opened)


WRONG = [
    ({"text": " "}, "Write a text"),
    ({"text": "Hi {{ nothing }}"}, "No client has an attribute"),
    ({"text": "Hi {{ }}"}, "Write a placeholder as"),
    ({"text": "x" * 2000}, "Shorten it"),
    ({"ends_at": local(-60), "starts_at": local(-120)}, "Choose an end that is still to come."),
    ({"ends_at": local(1800)}, "Choose an end that is later than the start."),
    ({"starts_at": ""}, "Choose when it starts."),
    ({"starts": "now", "starts_at": local(3600)}, "A time is entered, but “at once” is"),
    ({"starts_at": "2026-02-30 10:00"}, "Enter a valid date/time"),
    ({"starts_at": "10:00"}, "Enter a valid date/time"),
    ({"hours": ""}, "This field is required"),
    ({"hours": "any", "hours_from": "09:00", "hours_until": "21:00"}, "Hours are entered, but"),
    ({"hours": "between"}, "Write the time as HH:MM"),
    ({"hours": "between", "hours_from": "09:00", "hours_until": ""}, "Write the time as HH:MM"),
    ({"hours": "between", "hours_from": "9h", "hours_until": "21"}, "Write the time as HH:MM"),
    ({"hours": "between", "hours_from": "24", "hours_until": "9"}, "Write the time as HH:MM"),
    ({"rate": ""}, "This field is required"),
    ({"rate": "limit"}, "Enter the maximum per second"),
    ({"rate": "provider", "rate_limit": "5"}, "A rate is entered, but"),
    ({"rate_limit": "5-"}, "Write a whole number in digits"),
    ({"rate_limit": "2e"}, "Write a whole number in digits"),
    ({"rate_limit": "1,000"}, "Write a whole number in digits"),
    ({"rate_limit": "10 00"}, "Write a whole number in digits"),
    ({"rate_limit": "-5"}, "Write a whole number in digits"),
    ({"rate": "provider", "rate_limit": "5-"}, "Write a whole number in digits"),
    ({"ends_at": "soon"}, "Enter a valid date/time, written as 2"),
    ({"hours_from": "10:00"}, "Write the time as HH:MM"),
    ({"hours_from": "10:00", "hours_until": "10:00"}, "or “at any hour” for the whole day."),
    ({"provider": "nobody"}, "Select a valid choice"),
    ({"rate_limit": "0"}, "greater than or equal to 1"),
    ({"name": "x" * 201}, "at most 200 characters"),
]


@pytest.mark.parametrize(("changes", "remedy"), WRONG)
def test_what_is_wrong_stands_beside_its_field_and_nothing_is_lost(
    changes: dict[str, Any], remedy: str
) -> None:
    found = shown(browser(), **written(do="schedule", **{"name": "Kept name", **changes}))

    assert remedy in found
    assert "Nothing is saved yet" in found
    assert 'aria-invalid="true"' in found
    assert changes.get("name", "Kept name") in found
    assert not Mailing.objects.exists()


BAD_CONDITIONS = [
    ({"what": "code", "values": ["90"]}, "Write three digits"),
    ({"what": "code", "values": [""]}, "Give a value"),
    ({"what": "tag", "values": ["x" * 101]}, "Shorten it to at most 100"),
    ({"what": "tag", "values": ["a\x00b"]}, "Leave out the NUL"),
    ({"what": "equals", "name": "", "values": ["a"]}, "Name the attribute"),
    ({"what": "range", "name": "age"}, "Give a number or a date"),
    ({"what": "range", "name": "age", "gte": "x"}, "Write a number, or a date"),
    ({"what": "range", "name": "age", "gte": "1", "lte": "2026-01-01"}, "Give two numbers"),
    ({"what": "range", "name": "age", "gte": "9", "lte": "1"}, "not below the lower"),
    ({"what": "nothing"}, "Select a valid choice"),
]


@pytest.mark.parametrize(("parts", "remedy"), BAD_CONDITIONS)
def test_a_condition_that_is_not_finished_reaches_nobody(
    parts: dict[str, Any], remedy: str
) -> None:
    row = {"include": ["0"], **condition("include", 0, **parts)}

    found = shown(browser(), **written(do="schedule", **row))

    assert remedy in found
    assert not Mailing.objects.exists()


def test_two_conditions_about_the_same_are_refused() -> None:
    rows = {
        **condition("include", 0, what="tag", values=["a"]),
        **condition("include", 1, what="no-tag"),
    }

    found = shown(browser(), **written(do="schedule", include=["0", "1"], **rows))

    assert "A condition above is about the same" in found


def test_a_form_that_is_sent_twice_makes_one_mailing() -> None:
    opened = browser()
    form = written(do="schedule")

    form = question(opened.post(NEW, form)) | {"do": "schedule"}
    answers = [opened.post(NEW, form) for _ in range(2)]

    assert Mailing.objects.count() == 1
    assert {answer["Location"] for answer in answers} == {f"/mailings/{Mailing.objects.get().id}/"}


def test_a_form_that_was_wrong_at_first_is_not_taken_for_a_second_one() -> None:
    opened = browser()
    form = written(do="schedule")
    opened.post(NEW, {**form, "text": ""})

    assert agreed(opened, NEW, form).status_code == 302
    assert Mailing.objects.count() == 1


def test_another_content_of_the_same_page_is_not_taken_for_the_first() -> None:
    """Back, written anew, and sent: neither made in silence nor reported as made."""
    opened = browser()
    form = written(do="schedule")
    agreed(opened, NEW, form)

    page = shown(opened, **{**form, "text": "Another"})

    first = Mailing.objects.get()
    assert f"created mailing № {first.id}, and no other one was created now" in page
    assert "Another" in page
    token = page.split('name="token" value="')[1].split('"')[0]
    assert agreed(opened, NEW, {**form, "text": "Another", "token": token}).status_code == 302
    assert set(Mailing.objects.values_list("text", flat=True)) == {"Hello", "Another"}


@pytest.mark.django_db(transaction=True)
def test_two_clicks_at_the_same_moment_make_one_mailing() -> None:
    opened = browser()
    form = question(opened.post(NEW, written(do="schedule"))) | {"do": "schedule"}

    def click() -> None:
        twin = Browser(headers={"accept-language": "en"})
        twin.cookies = opened.cookies
        twin.post(NEW, form)
        connection.close()

    clicks = [threading.Thread(target=click) for _ in range(4)]
    for one in clicks:
        one.start()
    for one in clicks:
        one.join()

    assert Mailing.objects.count() == 1


def test_old_tokens_are_cleared() -> None:
    saved(browser())
    Submission.objects.update(created_at=from_now(-3 * 86400))

    saved(browser())

    assert Submission.objects.count() == 1


def test_a_test_of_a_mailing_whose_name_is_too_long_says_so() -> None:
    fields = written(name="n" * 201, test="1", test_numbers="+7 926 123-45-67")

    answer = browser().post(NEW, fields)

    assert answer.status_code == 200
    assert "Correct this first: Name." in answer.content.decode()
    assert not Mailing.objects.exists()


def test_rows_are_added_and_removed_without_a_word_about_what_is_missing() -> None:
    opened = browser()
    row = {"include": ["0"], **condition("include", 0, what="tag", values=["vip"])}

    added = shown(opened, **written(add="include", text="", **row))
    removed = shown(opened, **written(remove="include-0", **row))

    assert 'name="include-1-what"' in added
    assert 'value="vip"' in added
    assert 'class="error"' not in added
    assert 'name="include-0-what"' not in removed
    assert 'value="Sale"' in removed


def test_the_builder_alone_is_answered_to_htmx() -> None:
    answer = browser().post("/clients/audiences/builder/", {"add": "exclude", "audience_name": ""})

    assert b'name="exclude-0-what"' in answer.content
    assert answer["HX-Trigger-After-Settle"] == "audience-changed"


def test_a_saved_audience_is_taken() -> None:
    audience = SavedAudience.objects.create(name="VIP", filter={"tags": ["vip", "gold"]})

    taken = shown(browser(), **written(take="1", saved=str(audience.id)))
    linked = shown(browser(), f"{NEW}?audience={audience.id}")

    for found in (taken, linked):
        assert 'value="vip"' in found
        assert 'value="gold"' in found


def test_the_audience_is_saved_under_a_name() -> None:
    row = {"include": ["0"], **condition("include", 0, what="tag", values=["vip"])}

    found = shown(browser(), **written(keep="1", audience_name="VIP", **row))
    again = shown(browser(), **written(keep="1", audience_name="VIP", **row))
    nameless = shown(browser(), **written(keep="1", audience_name=" ", **row))

    assert "“VIP” is saved" in found
    assert SavedAudience.objects.get().filter == {"tags": ["vip"]}
    assert "Another audience has this name" in again
    assert "cannot be blank" in nameless


FILTERS: list[dict[str, Any]] = [
    {},
    {"operator_codes": ["905"], "tags": [""]},
    {"attributes": {"a": {"present": True}, "b": {"present": False}, "c": {"lte": 3}}},
    {"attributes": {"born": {"gte": "2000-01-31"}}, "exclude": {"operator_codes": ["926"]}},
    {"tags": ["", "vip"]},
    {"tags": [" spaced "]},
    {"attributes": {"age": {"gte": 1, "present": False}}},
    {"again": {"mailing": 1, "states": ["failed"]}},
    {"tags": [f"tag {n}" for n in range(50)]},
    {"attributes": {"vip": True, "n": [42]}},
    {"exclude": {"attributes": {"contract": [1234567890123456]}}},
]


@pytest.mark.parametrize("audience", FILTERS)
@pytest.mark.parametrize("language", ["ru", "en"])
def test_a_copy_goes_to_the_same_audience(audience: dict[str, Any], language: str) -> None:
    other = make_mailing(filter=audience, text="Old text", rate_limit=7)
    opened = browser(language=language)
    page = opened.get(f"{NEW}?copy={other.id}")
    builder = page.context["audience"]
    fields = {"kept": builder.kept_signed} if builder.kept is not None else {}
    fields["rows"] = str(builder.rows)
    for group in ("include", "exclude"):
        rows = getattr(builder, group)
        fields[group] = [str(row.number) for row in rows]
        for row in rows:
            fields |= {row[n].html_name: row[n].value() or "" for n in row.fields}

    mailing = saved(opened, text=page.context["form"]["text"].value(), **fields)

    assert mailing.filter == audience
    assert json.dumps(mailing.filter, sort_keys=True) == json.dumps(audience, sort_keys=True)
    assert mailing.text == "Old text"
    assert page.context["form"]["rate_limit"].value() == 7


@pytest.mark.parametrize("kept", ['{"again": {"mailing": 1, "states": []}}', "", "x:y:z", "\x00"])
@pytest.mark.parametrize("do", ["draft", "schedule"])
def test_an_audience_that_cannot_be_read_is_not_everybody(kept: str, do: str) -> None:
    make_client()
    opened = browser()

    answered = opened.post(NEW, written(do=do, kept=kept))
    again = opened.post(NEW, written(do=do, kept=answered.context["audience"].kept_signed))

    for page in (answered, again):
        assert "choose it again" in page.content.decode()
        assert not page.context["preview"].counted
    assert not Mailing.objects.exists()
    counted = opened.post("/clients/audiences/count/", {"kept": kept}).content.decode()
    assert "client" not in counted
    assert SavedAudience.objects.count() == 0
    opened.post("/clients/audiences/new/", {"name": "All", "kept": kept, "do": "save"})
    assert SavedAudience.objects.count() == 0


def test_a_deleted_audience_is_not_everybody() -> None:
    taken = shown(browser(), **written(take="1", saved="999"))

    assert "has been deleted" in taken


def test_conditions_that_do_not_arrive_whole_are_not_left_out() -> None:
    rows = condition("include", 0, what="tag", values=["vip"])

    for more in (["x"], ["1" * 5000], [*map(str, range(1, 30))]):
        browser().post(NEW, written(do="draft", include=["0", *more], **rows))

    assert not Mailing.objects.exists()


def test_an_audience_of_send_again_is_counted_as_it_is_sent() -> None:
    make_client()
    again = {"again": {"mailing": 1, "states": ["failed"]}}
    one = SavedAudience.objects.create(name="Again", filter=again)
    opened = browser()

    counted = opened.get(f"/clients/audiences/{one.id}/count/").content.decode()
    exported = opened.get(f"/clients/export/?audience={one.id}").getvalue().decode()

    assert "0 clients" in counted
    assert exported.count("\r\n") == 1


INCOMPLETE: list[dict[str, Any]] = [
    {"rows": "2"},  # of which one did not arrive
    {"rows": ""},
    {"saved": "1"},  # chosen in the list, and not taken
    {"saved": "x"},
]


@pytest.mark.parametrize("changes", INCOMPLETE)
@pytest.mark.parametrize("do", ["schedule", "draft", "count"])
def test_an_audience_that_contradicts_itself_is_nobody(changes: dict[str, str], do: str) -> None:
    make_clients(3)

    found = shown(browser(), **{**written(do=do), **changes})

    assert "clients get it" not in found
    assert "Complete the conditions" in found
    assert not Mailing.objects.exists()


def test_copying_has_an_address_of_its_own() -> None:
    mailing = make_mailing()

    assert browser().get(f"/mailings/{mailing.id}/copy/")["Location"] == f"{NEW}?copy={mailing.id}"
    assert browser().get("/mailings/999/copy/").status_code == 404


@pytest.mark.parametrize(
    "query",
    ["copy=x", "copy=99999", "audience=99999", "audience=", "copy=²", "copy=" + "9" * 40],
)
def test_an_address_that_names_nothing_is_not_everybody(query: str) -> None:
    assert browser().get(f"{NEW}?{query}").status_code == 404


def test_a_draft_is_changed_and_scheduled() -> None:
    opened = browser()
    draft = saved(opened, do="draft")
    address = reverse("edit-mailing", args=[draft.id])
    assert 'value="Sale"' in shown(opened, address)

    mailing = saved(opened, do="schedule", address=address, name="Better")

    assert (mailing.id, mailing.name, mailing.state) == (draft.id, "Better", "scheduled")
    assert [event.event for event in mailing.events.all()] == ["draft", "change", "schedule"]


def test_seconds_that_the_field_does_not_show_are_kept() -> None:
    mailing = make_mailing(starts_in=3661.5, ends_in=7322.25, provider="null")
    opened = browser()

    changed = saved(
        opened,
        do="save",
        address=f"/mailings/{mailing.id}/edit/",
        starts_at=at(mailing.starts_at),
        ends_at=at(mailing.ends_at),
    )

    assert (changed.starts_at, changed.ends_at) == (mailing.starts_at, mailing.ends_at)


def test_a_mailing_that_started_meanwhile_is_not_changed() -> None:
    mailing = make_mailing(starts_in=-1)
    opened = browser()
    assert mailing.move(LAUNCH)

    answer = opened.get(f"/mailings/{mailing.id}/edit/", follow=True)

    assert "cannot be changed any more" in answer.content.decode()


@pytest.mark.parametrize("starts", ["now", "later"])
def test_a_second_click_on_schedule_finds_it_done(starts: str) -> None:
    """The first has scheduled the draft, and it has started since."""
    opened = browser()
    draft = saved(opened, do="draft", include=["0"], **TAGGED)
    at_once = {"now": "", "later": local(-60)}[starts]
    form = {"include": ["0"], **TAGGED, "starts": starts, "starts_at": at_once}
    address = f"/mailings/{draft.id}/edit/"
    scheduled = saved(opened, address=address, **form)
    assert scheduled.move(LAUNCH)

    answer = opened.post(address, written(do="schedule", **form), follow=True)

    page = answer.content.decode()
    assert answer.request["PATH_INFO"] == f"/mailings/{draft.id}/"
    assert "The mailing starts at once." in page
    assert "cannot be changed" not in page


@pytest.mark.parametrize("changes", [{"text": "Mine"}, {"do": "draft"}, {"ends_at": local(-60)}])
def test_what_is_written_stays_where_the_mailing_has_started(changes: dict[str, str]) -> None:
    mailing = make_mailing(starts_in=-1, provider="null", text="Hello", name="Sale")
    opened = browser()
    assert mailing.move(LAUNCH)
    times = {"starts_at": at(mailing.starts_at), "ends_at": at(mailing.ends_at)}

    page = shown(
        opened, f"/mailings/{mailing.id}/edit/", **written(**{"do": "save", **times, **changes})
    )

    assert "cannot be changed any more: it is running. Your changes were not saved" in page
    assert changes.get("text", "Hello") in page
    mailing.refresh_from_db()
    assert mailing.text == "Hello"


def test_what_another_has_changed_meanwhile_stays() -> None:
    opened = browser()
    draft = saved(opened, do="draft", include=["0"], **TAGGED)
    address = f"/mailings/{draft.id}/edit/"
    marks = html.unescape(shown(opened, address).split('name="shown" value="')[1].split('"')[0])
    ends_at = from_now(9999)
    theirs = {"text": "Theirs", "ends_at": ends_at, "filter": {"tags": ["theirs"]}}
    draft.change(theirs, actor="another")
    form = written(
        do="draft",
        name="Mine",
        shown=marks,
        starts_at=at(draft.starts_at),
        ends_at=at(timezone.now() + timedelta(seconds=7200)),
        include=["0"],
        **TAGGED,
    )

    opened.post(address, form)

    draft.refresh_from_db()
    assert (draft.name, draft.text, draft.filter) == ("Mine", "Theirs", {"tags": ["theirs"]})
    assert draft.ends_at == ends_at
    assert draft.events.latest("id").reason == "name"


def test_a_window_that_two_have_changed_is_checked_as_a_whole() -> None:
    opened = browser()
    draft = saved(opened, do="draft")
    address = f"/mailings/{draft.id}/edit/"
    marks = html.unescape(shown(opened, address).split('name="shown" value="')[1].split('"')[0])
    form = written(do="draft", shown=marks, starts_at=at(draft.starts_at), ends_at=local(4000))
    draft.change({"starts_at": from_now(5000)}, actor="another")

    page = shown(opened, address, **form)

    assert "Choose an end that is later than the start." in page
    draft.refresh_from_db()
    assert draft.starts_at < draft.ends_at


def test_a_mailing_that_is_cancelled_in_the_same_moment_is_not_changed(monkeypatch: Any) -> None:
    mailing = make_mailing(starts_in=3600)
    opened = browser()
    before = Mailing.change

    def cancelled_first(self: Mailing, changes: Any, *, actor: str) -> None:
        Mailing.objects.get(id=self.id).apply(CANCEL, actor="another")
        before(self, changes, actor=actor)

    monkeypatch.setattr(Mailing, "change", cancelled_first)
    address = f"/mailings/{mailing.id}/edit/"
    found = agreed(opened, address, written(do="save", name="Mine")).content.decode()

    assert "cannot be changed any more" in found
    assert 'value="Mine"' in found


@pytest.mark.parametrize("role", ["viewer"])
def test_a_viewer_is_told_who_may(role: str) -> None:
    mailing = make_mailing()
    for address in (NEW, f"/mailings/{mailing.id}/edit/", f"/mailings/{mailing.id}/copy/"):
        answer = browser(role).get(address)
        assert answer.status_code == 403
        assert "Only an operator or an admin" in answer.content.decode()
    assert browser(role).post(NEW, written(do="schedule")).status_code == 403


def test_the_preview_says_who_gets_it_and_what_it_costs() -> None:
    make_clients(10)
    put(["79000000003"], "api")
    make_client("79261111111", attributes={"name": "Анна"})

    found = preview(browser(), text='{{ name|default:"Hi" }}!', rate_limit="1")

    assert "10 clients get it" in found
    assert "−1" in found
    assert "25.00" in found
    assert "At 1 a second it takes 10" in found
    assert "starts by itself" in found


def test_the_preview_says_of_how_many_the_zone_is_assumed() -> None:
    for number in range(3):
        make_client(f"7926123456{number}", timezone="Asia/Omsk", timezone_source="given")
    Client.objects.filter(phone_number__endswith="0").update(timezone_source="assumed")

    open_all_day = preview(browser())
    within_hours = preview(browser(), hours_from="10", hours_until="20")

    words = "The time zone of 1 client is not known: Moscow, UTC+3 is assumed."
    assert f'<p class="notice">{words}' in open_all_day
    assert f'<p class="notice is-warning">{words}' in within_hours


def test_the_preview_says_what_does_not_fit() -> None:
    make_clients(10)

    found = preview(browser(), rate_limit="1", starts="now", ends_at=local(61))

    assert "clients get it" in found
    assert "starts at once" in found
    assert "do not fit" not in preview(browser(), rate_limit="100")
    make_clients(100, first=10)
    assert "do not fit before the end" in preview(
        browser(), rate_limit="1", starts="now", ends_at=local(61)
    )


def test_the_preview_of_a_page_that_is_not_finished_counts_what_it_can() -> None:
    make_clients(3)

    empty = preview(browser(), text="", ends_at="")
    unfinished = preview(browser(), include=["0"], **condition("include", 0, what="tag", values=[]))

    assert "3 clients get it" in empty
    assert "Still to fix" in empty
    assert "Complete the conditions" in unfinished
    assert "Write the text" in empty
    assert "Write the text" not in unfinished
    assert "once the recipients are counted" in unfinished


def test_without_javascript_a_button_counts() -> None:
    make_clients(3)

    found = shown(browser(), **written(count="1"))

    assert "3 clients get it" in found
    assert "Nothing is saved yet" not in found


LETTERS = [
    ("Hello", ["GSM-7", "5 characters", "1 segment"]),
    ("Привет", ["UCS-2", "6 characters", "Letters that are not Latin"]),
    ("Sale — today", ["UCS-2", "One character alone", "—", "Instead", "-"]),
    ("«Sale»…", ["Only these characters", "..."]),
    ("Hi 🎉", ["One character alone", "Leave them out", "4 characters, counted as 5"]),
    ("[5 €]", ["GSM-7", "5 characters, counted as 8", "1 segment"]),
    ("🎉" * 36, ["36 characters, counted as 72", "2 segments"]),
    ("x" * 160, ["160 characters ·", "1 segment"]),
    ("x" * 161, ["161 characters", "2 segments"]),
    ("x" * 2000, ["At most 10 segments"]),
    ("Hi {{ name }}", ["without the values of the placeholders"]),
    ("Hi {{ ", ["GSM-7"]),
    ("", ["160 Latin"]),
]


@pytest.mark.parametrize(("text", "said"), LETTERS)
def test_the_counter_says_what_the_letters_cost(text: str, said: list[str]) -> None:
    found = browser().post("/mailings/new/segments/", {"text": text}).content.decode()

    for words in said:
        assert words in found


def test_a_test_is_sent_to_a_few_numbers() -> None:
    make_client("79261234567", attributes={"name": "Анна"})
    put(["79161234567"], "api")

    found = shown(
        browser(),
        **written(test="1", text="{{ name }}!", test_numbers="8 926 123-45-67; +79161234567"),
    )

    assert "The test is on its way" in found
    assert "on the stop list" in found
    assert Message.objects.get(state="queued").text == "Анна!"
    assert Mailing.objects.get().is_test


def test_a_test_is_sent_once_by_a_second_click_or_a_reload() -> None:
    opened = browser()
    page = shown(opened)
    token = page.split('name="test_token" value="')[1].split('"')[0]
    form = written(test="1", test_numbers="79261234567", test_token=token)

    first, second = (shown(opened, **form) for _ in range(2))

    assert "The test is on its way" in first
    assert "sent already" in second
    assert Message.objects.count() == 1
    again = second.split('name="test_token" value="')[1].split('"')[0]
    shown(opened, **{**form, "test_token": again})
    assert Message.objects.count() == 2


@pytest.mark.parametrize(
    ("changes", "remedy"),
    [
        ({"test_numbers": ""}, "Give 1 to 5 numbers"),
        ({"test_numbers": "12"}, "This is not a phone number: 12."),
        ({"test_numbers": ",".join(f"7926123456{n}" for n in range(6))}, "Give 1 to 5 numbers"),
        ({"test_numbers": "79261234567", "text": ""}, "Correct this first: Text."),
        ({"test_numbers": "79261234567", "text": "{{ tag }}"}, "No client that the filter matches"),
    ],
)
def test_a_test_that_cannot_be_sent_says_why(changes: dict[str, str], remedy: str) -> None:
    found = shown(browser(), **written(test="1", **changes))

    assert remedy in found
    assert not Mailing.objects.exists()


def test_names_of_attributes_are_offered(django_assert_max_num_queries: Any) -> None:
    make_client(tag="vip", attributes={"city": "Казань", "so}me": 1})

    opened = browser()

    with django_assert_max_num_queries(12):
        found = shown(opened)

    assert 'data-insert="city"' in found
    assert 'data-insert="so}me"' not in found
    for value in ("vip", "926", "city", "Казань"):
        assert f'<option value="{value}">' in found
    assert 'data-values-of="city"' in found


@pytest.mark.parametrize("address", [NEW, "/mailings/new/preview/", "/clients/audiences/builder/"])
def test_hostile_forms_are_answered(address: str) -> None:
    hostile = {
        "include": ["x", "-1", "²", "0", "0", *map(str, range(100))],
        "token": "x",
        "kept": "x",
        "starts": "never",
        "do": "everything",
        "saved": "²",
        "take": "1",
        "remove": "include-x",
        "text": "\x00",
        "ends_at": "9999-12-31T23:59",
        "starts_at": "0001-01-01T00:00",
    }
    for dropped in ("", "take", "remove"):
        form = {name: value for name, value in hostile.items() if name != dropped}
        assert browser().post(address, form).status_code == 200


def test_the_page_speaks_russian_also_where_a_rule_is_broken() -> None:
    Client.objects.all().delete()

    found = shown(browser(language="ru"), **written(do="schedule", ends_at=local(60)))

    assert "Выберите конец позже начала." in found
    assert "Новая рассылка" in found


def test_a_text_that_looks_like_it_has_a_placeholder_is_confirmed_by_a_tick() -> None:
    make_client(attributes={"имя": "Анна"})
    opened = browser()
    asked = html.unescape(shown(opened, **written(do="schedule", text="Привет, {Имя}!")))
    assert "{Имя} is sent as it is written. Did you mean {{ имя }}?" in asked
    assert 'name="confirm_text"' in asked
    assert not Mailing.objects.exists()
    mailing = saved(opened, text="Привет, {Имя}!", confirm_text="on")
    assert mailing.text == "Привет, {Имя}!"
    address = f"/mailings/{mailing.id}/edit/"
    saved(opened, "save", address, text=mailing.text, name="As it was")
    assert 'name="confirm_text"' not in shown(opened)
