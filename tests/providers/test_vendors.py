"""Each recipe of docs/providers.md against a simulator of its vendor's API."""

import asyncio
import base64
import hmac
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.gateways.builders import flight, opened, outgoing, run
from tests.gateways.vendors import VENDORS, Answer, Gateway, Notice, Sent, Vendor, must, standing
from tests.providers.recipes import RECIPES
from vestnik.mailings.text import segments_of
from vestnik.providers.base import (
    Accepted,
    Deferred,
    Outcome,
    Receipt,
    StatusQuery,
    Unknown,
    account_refused,
)
from vestnik.providers.callbacks import Callback, CallbackRefused
from vestnik.providers.http import tokens
from vestnik.providers.http_gateway import HttpGatewayProvider
from vestnik.sandbox.http_server import Request

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
    for name in ("url", "token_url"):
        if name in options:
            options[name] = url + urlsplit(options[name]).path
    return HttpGatewayProvider(alias, options)


def test_each_recipe_has_a_vendor() -> None:
    assert sorted(RECIPES) == sorted(VENDORS)


def sent(vendor: Vendor, *texts: str, says: Answer | None = None) -> tuple[Gateway, list[Outcome]]:
    """One message for each text, and what became of them."""
    found: list[Any] = []
    gateways: list[Gateway] = []

    async def test() -> None:
        async with (
            standing(vendor) as (gateway, url),
            opened(made(vendor.alias, url)) as connection,
        ):
            gateways.append(gateway)
            for number, text in enumerate(texts, 1):
                gateway.next = [says] if says else []
                found.extend(await connection.hand_over_all([outgoing(number, text)]))

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


ASKED = [(vendor, *said) for vendor in VENDORS.values() for said in vendor.states]


@pytest.mark.parametrize(
    ("vendor", "says", "means"), ASKED, ids=[f"{one[0].alias}-{one[2]}" for one in ASKED]
)
def test_what_the_gateway_tells_of_a_message_is_read(
    vendor: Vendor, says: object, means: str
) -> None:
    found: list[Any] = []

    async def test() -> None:
        async with (
            standing(vendor) as (gateway, url),
            opened(made(vendor.alias, url)) as connection,
        ):
            gateway.said = says
            assert connection.provider.can_query
            found.extend(await connection.ask([StatusQuery(1, "79261234567", "000-1")]))

    run(test)
    (reply,) = found
    kinds = {Accepted: "on its way", Unknown: "unknown"}
    assert (reply.state if isinstance(reply, Receipt) else kinds[type(reply)]) == means


def token_server(lifetime: object) -> tuple[Vendor, list[int]]:
    """Hands out token-1, token-2 and on, and takes the last one alone."""
    given: list[int] = []

    def token(request: Request) -> object:
        if request.path != "/oauth/v3/token":
            return None
        given.append(len(given) + 1)
        return {"access_token": f"token-{len(given)}", "expires_in": lifetime}

    def read(request: Request) -> Sent:
        shown = request.headers.get("authorization")
        must(shown == f"Bearer token-{len(given)}", 401, {"message": "Expired credentials"})
        return Sent("7", "x")

    return replace(VENDORS["orange"], read=read, other=token), given


def test_a_token_is_fetched_once_for_all_and_anew_before_it_ends() -> None:
    vendor, given = token_server(lifetime=0.4)

    async def test() -> None:
        async with standing(vendor) as (_, url), opened(made("orange", url)) as connection:
            outcomes = await connection.hand_over_all(flight(20))
            assert {type(one) for one in outcomes} == {Accepted}
            assert given == [1]
            await asyncio.sleep(0.3)
            (outcome,) = await connection.hand_over_all([outgoing(30)])
            assert isinstance(outcome, Accepted)
            assert given == [1, 2]

    run(test)


@pytest.mark.parametrize("lifetime", [0, -1, "", None, "0", "never", "nan", 1e-9])
def test_no_lifetime_of_a_token_stops_the_mailing_or_floods_the_gateway(lifetime: object) -> None:
    vendor, given = token_server(lifetime)

    async def test() -> None:
        async with standing(vendor) as (_, url), opened(made("orange", url)) as connection:
            outcomes = await connection.hand_over_all(flight(20))
            assert {type(one) for one in outcomes} == {Accepted}
            assert given == [1]

    run(test)


def test_a_token_that_is_refused_is_fetched_anew_and_costs_no_attempt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    vendor, given = token_server(lifetime=3600)
    monkeypatch.setattr(tokens, "FRESH", 60.0)

    async def test() -> None:
        async with standing(vendor) as (_, url), opened(made("orange", url)) as connection:
            assert isinstance((await connection.hand_over_all([outgoing(1)]))[0], Accepted)
            given.append(2)  # the gateway has taken it back
            (early,) = await connection.hand_over_all([outgoing(2)])
            assert early == account_refused("401: Expired credentials")  # it is as good as new
            monkeypatch.setattr(tokens, "FRESH", 0.0)
            (outcome,) = await connection.hand_over_all([outgoing(3)])
            assert isinstance(outcome, Deferred)
            assert outcome.provider_wide
            assert outcome.account == ""
            assert isinstance((await connection.hand_over_all([outgoing(3)]))[0], Accepted)

    run(test)


def test_who_gets_no_token_is_refused_as_an_account() -> None:
    vendor = VENDORS["orange"]

    async def test() -> None:
        async with standing(vendor) as (_, url):
            options: dict[str, Any] = {**RECIPES["orange"], "password": "wrong", "url": url}
            options["token_url"] = f"{url}/oauth/v3/token"
            async with opened(HttpGatewayProvider("orange", options)) as connection:
                message = outgoing(1)
                (outcome,) = await connection.hand_over_all([message])
                assert outcome == account_refused("401: invalid_client")
                assert message.departed_at is None

    run(test)


@pytest.mark.parametrize(
    ("shown", "is_taken"),
    [
        ("hex", True),
        ("base64", True),
        ("prefixed", True),
        ("wrong", False),
        ("none", False),
    ],
)
def test_a_signed_callback_needs_no_other_secret(shown: str, is_taken: bool) -> None:
    body = b'{"id": 5, "status": "delivered"}'
    right = hmac.new(b"geheim", body, "sha256").digest()
    words = {
        "hex": right.hex(),
        "base64": base64.b64encode(right).decode(),
        "prefixed": f"sha256={right.hex()}",
        "wrong": hmac.new(b"other", body, "sha256").hexdigest(),
        "none": "",
    }
    options = {"callback_signature_header": "X-Signature", "callback_signature_secret": "geheim"}
    provider = HttpGatewayProvider("x", {"url": "https://x.example", **options})
    callback = Callback(body=body, headers={"x-signature": words[shown]})
    if is_taken:
        assert [receipt.message_id for receipt in provider.read_callback(callback).receipts] == [5]
    else:
        with pytest.raises(CallbackRefused):
            provider.read_callback(callback)
