"""Declaring providers: options into types, errors that name the variable, secrets kept."""

import ssl
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.test import override_settings

from vestnik import env
from vestnik.providers.base import Provider
from vestnik.providers.checks import check_providers
from vestnik.providers.errors import OptionError, UnknownProvider
from vestnik.providers.http_gateway import HttpGatewayProvider
from vestnik.providers.null import NullProvider
from vestnik.providers.options import Options, Secret
from vestnik.providers.registry import BACKENDS, build
from vestnik.providers.smpp.provider import SmppProvider

URL = {"url": "https://gateway.example"}
SMPP = {"host": "smsc.example", "system_id": "v"}


def test_what_all_providers_share_is_read_in_one_place() -> None:
    provider = NullProvider(
        "main",
        {
            "window": "7",
            "max_rate": "12.5",
            "deadline": "3",
            "sender": "Vestnik",
            "price_per_segment": "2.50",
            "in_doubt": "resend",
            "max_attempts": "5",
        },
    )
    assert (provider.window, provider.max_rate, provider.deadline) == (7, 12.5, 3.0)
    assert (provider.sender, provider.price_per_segment) == ("Vestnik", Decimal("2.50"))
    assert (provider.in_doubt, provider.max_attempts) == ("resend", 5)


def test_the_defaults_hold_what_is_in_doubt_and_set_no_limits() -> None:
    provider = NullProvider("main", {})
    assert provider.in_doubt == "hold"
    assert (provider.max_rate, provider.max_attempts, provider.price_per_segment) == (None,) * 3


@pytest.mark.parametrize(
    ("provider", "options", "option"),
    [
        (NullProvider, {"window": "0"}, "window"),
        (NullProvider, {"window": "many"}, "window"),
        (NullProvider, {"max_rate": "-1"}, "max_rate"),
        (NullProvider, {"deadline": "nan"}, "deadline"),
        (NullProvider, {"deadline": "inf"}, "deadline"),
        (NullProvider, {"deadline": "1e13"}, "deadline"),
        (NullProvider, {"max_rate": "inf"}, "max_rate"),
        (HttpGatewayProvider, URL | {"read_timeout": "inf"}, "read_timeout"),
        (NullProvider, {"price_per_segment": "Infinity"}, "price_per_segment"),
        (NullProvider, {"price_per_segment": "a lot"}, "price_per_segment"),
        (NullProvider, {"in_doubt": "guess"}, "in_doubt"),
        (NullProvider, {"max_attempts": "2.5"}, "max_attempts"),
        (NullProvider, {"colour": "red"}, "colour"),
        (HttpGatewayProvider, {}, "url"),
        (HttpGatewayProvider, {"url": "gateway.example"}, "url"),
        (HttpGatewayProvider, {"url": "https://a:b@gateway.example"}, "url"),
        (HttpGatewayProvider, {"url": "https://шлюз.example"}, "url"),
        (HttpGatewayProvider, {"url": "https://x:port"}, "url"),
        (HttpGatewayProvider, URL | {"path": "/{nonsense}"}, "path"),
        (HttpGatewayProvider, URL | {"body": "{not json"}, "body"),
        (HttpGatewayProvider, URL | {"headers": "[1]"}, "headers"),
        (HttpGatewayProvider, URL | {"headers": r'{"X-A": "a\nb"}'}, "headers"),
        (HttpGatewayProvider, URL | {"headers": r'{"X-A": "{text}\u0000"}'}, "headers"),
        (HttpGatewayProvider, URL | {"token": "two\nlines"}, "token"),
        (HttpGatewayProvider, URL | {"token": "t", "token_type": "A\r\nB"}, "token_type"),
        (HttpGatewayProvider, URL | {"method": "FETCH"}, "method"),
        (HttpGatewayProvider, URL | {"body_format": "form"}, "body"),
        (HttpGatewayProvider, URL | {"query": "&"}, "query"),
        (HttpGatewayProvider, URL | {"code_regex": "("}, "code_regex"),
        (HttpGatewayProvider, URL | {"id_regex": "x", "id_path": "y"}, "id_regex"),
        (HttpGatewayProvider, URL | {"temporary_statuses": "5xx"}, "temporary_statuses"),
        (HttpGatewayProvider, URL | {"ca_file": "/nowhere.pem"}, "ca_file"),
        (HttpGatewayProvider, URL | {"token": "t", "username": "u"}, "token"),
        (HttpGatewayProvider, URL | {"deduplicates": "perhaps"}, "deduplicates"),
        (HttpGatewayProvider, URL | {"callback_addresses": "10.0.0.0/99"}, "callback_addresses"),
        (SmppProvider, {}, "host"),
        (SmppProvider, {"host": "x"}, "system_id"),
        (SmppProvider, SMPP | {"port": "70000"}, "port"),
        (SmppProvider, SMPP | {"bind": "receiver"}, "bind"),
        (SmppProvider, SMPP | {"long_messages": "cut"}, "long_messages"),
        (SmppProvider, SMPP | {"password": "пароль"}, "password"),
        (SmppProvider, SMPP | {"sender": "Вестник"}, "sender"),
        (SmppProvider, SMPP | {"temporary_statuses": "busy"}, "temporary_statuses"),
        (SmppProvider, SMPP | {"receipt_ids": "roman"}, "receipt_ids"),
    ],
)
def test_a_wrong_option_is_named(
    provider: type[Provider], options: dict[str, str], option: str
) -> None:
    with pytest.raises(OptionError) as caught:
        provider("main", options)
    assert caught.value.option == option


def test_a_secret_shows_itself_only_to_the_wire() -> None:
    secret = Options({"token": "geheim"}).secret("token")
    assert secret.reveal() == "geheim"
    assert "geheim" not in f"{secret} {secret!r} {[secret]}"
    assert not Secret("")


@pytest.mark.parametrize("backend", ["console", "null"])
def test_backends_have_short_names(backend: str) -> None:
    assert backend in BACKENDS
    with override_settings(SMS_PROVIDERS={"x": {"BACKEND": backend}}):
        assert build("x").alias == "x"
        with pytest.raises(UnknownProvider):
            build("y")


@pytest.mark.parametrize(
    ("declared", "message", "problem"),
    [
        (
            {"BACKEND": "http_gateway", "OPTIONS": {}},
            "SMS_PROVIDER_MAIN_SMS_URL is required.",
            "E001",
        ),
        ({"BACKEND": "console", "OPTIONS": {"x": "1"}}, "SMS_PROVIDER_MAIN_SMS_X", "E001"),
        ({"BACKEND": "pigeon"}, "SMS_PROVIDER_MAIN_SMS_BACKEND", "E002"),
        ({"BACKEND": "vestnik.nowhere.X"}, "SMS_PROVIDER_MAIN_SMS_BACKEND", "E002"),
        ({"BACKEND": "decimal.Decimal"}, "SMS_PROVIDER_MAIN_SMS_BACKEND", "E002"),
    ],
)
def test_the_check_names_the_variable(declared: dict[str, Any], message: str, problem: str) -> None:
    providers = {"main-sms": declared, "console": {"BACKEND": "console"}}
    with override_settings(SMS_PROVIDERS=providers, SMS_DEFAULT_PROVIDER="console"):
        (found,) = check_providers()
    assert found.id == f"providers.{problem}"
    assert found.msg.startswith(message)


@pytest.mark.parametrize(
    ("secret", "found"),
    [("", []), ("s", ["providers.W001"]), ("s" * 15, ["providers.W001"]), ("s" * 16, [])],
)
def test_a_short_callback_secret_is_a_warning(secret: str, found: list[str]) -> None:
    providers = {"main": {"BACKEND": "http_gateway", "OPTIONS": URL | {"callback_secret": secret}}}
    with override_settings(SMS_PROVIDERS=providers, SMS_DEFAULT_PROVIDER="main"):
        problems = check_providers()
    assert [problem.id for problem in problems] == found
    assert not any(problem.is_serious() for problem in problems)


def test_a_default_provider_that_is_not_declared_is_an_error() -> None:
    with override_settings(SMS_PROVIDERS={}, SMS_DEFAULT_PROVIDER="gone"):
        assert [problem.id for problem in check_providers()] == ["providers.E003"]


def test_a_check_never_shows_a_secret() -> None:
    options = {"url": "nonsense", "token": "geheim", "body": '{"geheim"'}
    providers = {"main": {"BACKEND": "http_gateway", "OPTIONS": options}}
    with override_settings(SMS_PROVIDERS=providers, SMS_DEFAULT_PROVIDER="main"):
        assert "geheim" not in str(check_providers())


def test_a_file_of_authorities_is_an_option_and_not_the_place_of_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    authorities = ssl.get_default_verify_paths().cafile or ""
    (tmp_path / "token").write_text("geheim")
    given = {
        "SMS_PROVIDER_MAIN_BACKEND": "http_gateway",
        "SMS_PROVIDER_MAIN_URL": "https://gateway.example",
        "SMS_PROVIDER_MAIN_CA_FILE": authorities,
        "SMS_PROVIDER_MAIN_TOKEN_FILE": str(tmp_path / "token"),
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    declared = env.providers(given)
    assert declared["main"]["OPTIONS"] == {
        "url": "https://gateway.example",
        "ca_file": authorities,
        "token": "geheim",
    }
    with override_settings(SMS_PROVIDERS=declared):
        assert build("main").alias == "main"
