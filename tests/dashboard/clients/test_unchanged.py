"""Opening a client's page and saving it without a change changes nothing."""

from typing import Any

import pytest
from django.http import QueryDict
from hypothesis import given
from hypothesis import strategies as st

from tests.audience.importing.test_export_and_import import NAMES, VALUES
from tests.builders import make_client
from tests.dashboard.mailings.writing import browser
from vestnik.audience.models import Client
from vestnik.dashboard.clients.attributes import AttributeRows, shown_of


@given(attributes=st.dictionaries(NAMES, VALUES, max_size=8))
def test_rows_that_come_back_are_what_they_were(attributes: dict[str, Any]) -> None:
    rows = AttributeRows.showing(attributes)
    sent = AttributeRows.submitted(as_sent(rows))

    assert sent.is_valid(), [row.errors for row in sent.rows]
    assert repr(sent.attributes) == repr(shown_of(attributes))


def as_sent(rows: AttributeRows) -> QueryDict:
    """As a browser sends them: it takes line breaks out of the values of its fields."""
    data = QueryDict(mutable=True)
    for row in rows.rows:
        data.appendlist("attribute", str(row.number))
        for name in ("name", "kind", "value"):
            value = row.initial.get(name, "text" if name == "kind" else "")
            data[f"attribute-{row.number}-{name}"] = value.replace("\r", "").replace("\n", "")
    return data


@pytest.mark.django_db
def test_a_client_with_240_attributes_is_saved_and_loses_none() -> None:
    attributes = {f"name {n:03}": n for n in range(240)} | {" x ": 1, "a\nb": "c\nd"}
    client = make_client(tag=" spaced ", attributes=attributes)
    opened = browser()
    page = opened.get(f"/clients/{client.id}/edit/")
    form = page.context["form"]
    fields = {name: form[name].value() or "" for name in form.fields}
    sent = as_sent(page.context["rows"])
    sent.update({**fields, "shown": page.context["marks"]})

    unchanged = opened.post(f"/clients/{client.id}/edit/", dict(sent.lists()))
    now = Client.objects.get()
    sent["attribute-0-value"] = "77"
    opened.post(f"/clients/{client.id}/edit/", dict(sent.lists()))

    assert unchanged.status_code == 302
    assert (now.tag, now.attributes) == (" spaced ", attributes)
    assert Client.objects.get().attributes == attributes | {"name 000": 77}
