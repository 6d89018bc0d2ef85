"""Rows of the audience builder that come back are the filter that they show, without a database."""

from typing import Any

import pytest
from django.http import QueryDict
from django.utils import translation
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.dashboard.objects import filters
from vestnik.dashboard.audience_builder.builder import AudienceForm
from vestnik.dashboard.audience_builder.condition_kinds import MOST_INPUTS
from vestnik.dashboard.audience_builder.submitted_rows import GROUPS

LANGUAGES = st.sampled_from(["en", "ru"])


@given(shown_in=LANGUAGES, sent_in=LANGUAGES, audience=filters([]))
@settings(deadline=None, suppress_health_check=list(HealthCheck))
@example(shown_in="ru", sent_in="en", audience={"attributes": {"member": True}})
@example(shown_in="ru", sent_in="ru", audience={"attributes": {"vip": True, "n": [42]}})
@example(
    shown_in="en",
    sent_in="en",
    audience={"exclude": {"attributes": {"contract": [1234567890123456]}}},
)
def test_rows_that_come_back_are_the_filter(
    shown_in: str, sent_in: str, audience: dict[str, Any]
) -> None:
    """Also where another language was chosen in between."""
    with translation.override(shown_in):
        data = as_sent(AudienceForm.from_filter(audience))
    with translation.override(sent_in):
        sent = AudienceForm.submitted(data)

        assert sent.is_valid(), (sent.problems, [row.errors for row in sent.include])
        assert written(sent.audience) == written(audience)


@pytest.mark.parametrize("sent_in", ["en", "ru"])
@pytest.mark.parametrize("shown_in", ["en", "ru"])
@pytest.mark.parametrize("low", [1.234, 18.5, 18.0, -1.125])
def test_a_bound_stays_when_the_other_one_is_changed(
    low: float, shown_in: str, sent_in: str
) -> None:
    """1,234 of a Russian page is no thousand, also where English was chosen in between."""
    with translation.override(shown_in):
        data = as_sent(AudienceForm.from_filter({"attributes": {"age": {"gte": low, "lte": 30.5}}}))
        data["include-0-lte"] = {"en": "1,000.5", "ru": "1000,5"}[shown_in]
    with translation.override(sent_in):
        sent = AudienceForm.submitted(data)

        assert sent.is_valid(), [row.errors for row in sent.include]
        assert sent.audience == {"attributes": {"age": {"gte": low, "lte": 1000.5}}}


@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize("left", [0, 1])
def test_a_value_that_stays_in_a_changed_row_keeps_its_type(left: int, language: str) -> None:
    audience = {"attributes": {"score": [2.5, 1.234]}}
    with translation.override(language):
        data = as_sent(AudienceForm.from_filter(audience))
        shown = data.getlist("include-0-values")
        data.setlist("include-0-values", [shown[left]])
        sent = AudienceForm.submitted(data)

        assert sent.is_valid()
        assert sent.audience == {"attributes": {"score": [audience["attributes"]["score"][left]]}}


def as_sent(form: AudienceForm) -> QueryDict:
    """As a browser sends what `components/audience.html` holds."""
    data = QueryDict(mutable=True)
    data["rows"] = str(form.rows)
    if form.kept is not None:
        data["kept"] = form.kept_signed
    for group in GROUPS:
        for row in getattr(form, group):
            data.appendlist(group, str(row.number))
            data[f"{row.prefix}-language"] = row.shown_language
            for name in ("what", "name", "gte", "lte", "was"):
                data[f"{row.prefix}-{name}"] = str(row.initial.get(name) or "")
            values = list(map(str, row.initial.get("values", [])))
            lines = [*values, ""] if len(values) <= MOST_INPUTS else ["\r\n".join(values)]
            data.setlist(f"{row.prefix}-values", lines)
    return data


def written(value: Any) -> str:
    if isinstance(value, dict):
        return repr(sorted((name, written(one)) for name, one in value.items()))
    return repr([*map(written, value)]) if isinstance(value, list) else repr(value)
