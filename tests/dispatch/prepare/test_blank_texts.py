"""Texts without a visible character never reach the gateway, and raw templates do not either."""

from typing import Any

import pytest

from tests.builders import counts, enlist_all, make_client, make_mailing
from tests.dispatch.dispatching import open_dispatcher, provider
from tests.dispatch.sent import assert_it_adds_up
from tests.gateways.standing import Standing
from vestnik.dispatch.prepare.launch import launch
from vestnik.mailings.models import Mailing

pytestmark = pytest.mark.django_db(transaction=True)

ATTRIBUTES: tuple[dict[str, Any], ...] = (
    {},
    {"offer": "\u200b"},
    {"offer": "#N/A"},
    {"offer": "\r\n"},
    {"offer": "5 %\r\nсегодня"},
    {"offer": 1e21},
)


def enlisted(text: str) -> Mailing:
    mailing = make_mailing(text=text, provider="main")
    assert launch(mailing.id)
    enlist_all(mailing)
    return mailing


def arrived(settings: Any, mailing: Mailing) -> list[str]:
    with Standing() as gateway:
        options = {"url": gateway.url}
        with provider(settings, "main", "http_gateway", **options), open_dispatcher("main") as main:
            main.work()
        assert_it_adds_up(mailing)
        return sorted(taken.text for taken in gateway.taken)


def test_what_renders_to_nothing_is_left_out_with_the_reason(settings: Any) -> None:
    for n, attributes in enumerate(ATTRIBUTES):
        make_client(f"7926123456{n}", attributes=attributes)
    mailing = enlisted('{{ offer|default:"" }}')
    assert arrived(settings, mailing) == ["1000000000000000000000", "5 %\nсегодня"]
    assert counts(mailing) == {"sent": 2, "suppressed": 4}
    errors = mailing.messages.filter(state="suppressed").values_list("error", flat=True)
    assert set(errors) == {"the text is empty"}


def test_what_an_earlier_version_enlisted_blank_is_refused_here(settings: Any) -> None:
    for n in range(3):
        make_client(f"7926123456{n}", attributes={"offer": str(n)})
    mailing = enlisted('{{ offer|default:"" }}')
    first, second, _ = mailing.messages.order_by("id")
    mailing.messages.filter(id=first.id).update(text="")
    mailing.messages.filter(id=second.id).update(text="\u2060")
    assert arrived(settings, mailing) == ["2"]
    refused = mailing.messages.filter(state="failed").values_list("error", flat=True)
    assert list(refused) == ["0: the text is empty"] * 2
