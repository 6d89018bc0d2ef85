"""Each recipe of docs/providers.md against a simulator of its vendor's API."""

from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.gateways.builders import opened, outgoing, run
from tests.gateways.vendors import VENDORS, Answer, Gateway, Notice, Vendor, standing
from tests.providers.recipes import RECIPES
from vestnik.mailings.text import segments_of
from vestnik.providers.base import Accepted, Outcome
from vestnik.providers.callbacks import Callback, CallbackRefused
from vestnik.providers.http_gateway import HttpGatewayProvider

TEXTS = {
    "Latin, one part": "a" * 160,
    "Latin, two parts": "a" * 161,
    "Latin, to the brim": "a" * 306,
    "signs of two septets": "€" * 80,
    "signs of two septets, one too many": "€" * 81,
    "an escaped sign at the seam": "a" * 152 + "€" + "a" * 10,
    "Cyrillic, one part": "я" * 70,
    "Cyrillic, two parts": "я" * 71,
    "one Cyrillic letter among Latin ones": "a" * 69 + "я" + "a" * 70,
    "emoji at the seam": "я" * 66 + "😀" + "я" * 10,
}


def made(alias: str, url: str) -> HttpGatewayProvider:
    """The recipe's provider, at the simulator's address."""
    options: dict[str, Any] = dict(RECIPES[alias])
    path = urlsplit(options["url"]).path
    return HttpGatewayProvider(alias, {**options, "url": url + path})


def test_each_recipe_has_a_vendor() -> None:
    assert sorted(RECIPES) == sorted(VENDORS)


def sent(vendor: Vendor, *texts: str, says: Answer | None = None) -> tuple[Gateway, list[Outcome]]:
    """One message for each text, and what became of them."""
    found: list[Any] = []
    gateways: list[Gateway] = []

    async def test() -> None:
        async with standing(vendor) as (gateway, url), opened(made(vendor.alias, url)) as provider:
            gateways.append(gateway)
            for number, text in enumerate(texts, 1):
                gateway.next = [says] if says else []
                found.extend(await provider.hand_over_all([outgoing(number, text)]))

    run(test)
    return gateways[0], found


@pytest.mark.parametrize("vendor", VENDORS.values(), ids=list(VENDORS))
def test_what_is_counted_is_what_the_gateway_sends(vendor: Vendor) -> None:
    gateway, outcomes = sent(vendor, *TEXTS.values())
    assert [type(outcome) for outcome in outcomes] == [Accepted] * len(TEXTS), gateway.wrong
    assert [one.text for one in gateway.taken] == list(TEXTS.values())
    counted = {name: segments_of(text) for name, text in TEXTS.items()}
    parts = {name: one.parts for name, one in zip(TEXTS, gateway.taken, strict=True)}
    assert parts == counted
    assert [one.phone_number for one in gateway.taken][:2] == ["79261234567", "79261234568"]


@pytest.mark.parametrize("vendor", VENDORS.values(), ids=list(VENDORS))
def test_each_answer_of_the_gateway_means_what_it_says(vendor: Vendor) -> None:
    gateway, (outcome,) = sent(vendor, "Привет")
    assert outcome == vendor.accept(gateway.taken[0]).means
    for says in vendor.answers:
        assert sent(vendor, "Привет", says=says)[1] == [says.means], says


NOTICES = [(vendor, notice) for vendor in VENDORS.values() for notice in vendor.notices]


@pytest.mark.parametrize(
    ("vendor", "notice"),
    NOTICES,
    ids=[f"{vendor.alias}-{n}" for n, (vendor, _) in enumerate(NOTICES)],
)
def test_each_call_of_the_gateway_is_read(vendor: Vendor, notice: Notice) -> None:
    provider = made(vendor.alias, "http://127.0.0.1:9")
    form = notice.content_type.endswith("urlencoded")
    callback = Callback(
        query=dict(notice.query),
        form=dict(notice.body) if form and isinstance(notice.body, dict) else {},
        body=notice.octets,
        headers={"Content-Type": notice.content_type, **notice.headers},
        remote_addr="127.0.0.1",
    )
    if notice.is_refused:
        with pytest.raises(CallbackRefused):
            provider.read_callback(callback)
        return
    heard = provider.read_callback(callback)
    found = tuple((r.state, r.provider_id or str(r.message_id)) for r in heard.receipts)
    assert found == notice.receipts
    assert tuple((m.phone_number, m.text) for m in heard.inbound) == notice.inbound
