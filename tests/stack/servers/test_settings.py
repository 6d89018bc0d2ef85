"""The settings that the servers report."""

import os
import stat
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis
from django.conf import settings
from django.db import connection

pytestmark = pytest.mark.django_db


def show(name: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting(%s)", [name])
        row = cursor.fetchone()
    return str(row[0])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("data_checksums", "on"),
        ("jit", "off"),
        ("password_encryption", "scram-sha-256"),
        ("listen_addresses", ""),
        ("log_min_error_statement", "panic"),
    ],
)
def test_postgres_is_safe_and_private(name, value):
    assert show(name) == value


def test_text_sorts_and_folds_by_unicode_without_the_systems_locale():
    with connection.cursor() as cursor:
        cursor.execute("SELECT lower('ВЕСТНИК')")
        assert cursor.fetchone() == ("вестник",)


def test_the_product_has_no_rights_over_the_server():
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        assert cursor.fetchone() == (False,)


def test_valkey_keeps_what_it_is_given_and_never_drops_it():
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        assert client.config_get("appendonly") == {"appendonly": "yes"}
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}


def socket_path() -> Path:
    return Path(urlsplit(settings.REDIS_URL).path)


def test_valkey_is_reached_by_its_own_account_alone_and_by_no_port():
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        assert client.config_get("port") == {"port": "0"}
    assert stat.S_IMODE(socket_path().stat().st_mode) == 0o700
    assert socket_path().stat().st_uid == os.geteuid()


def test_valkey_answers_nobody_without_the_password():
    with (
        redis.Redis(unix_socket_path=str(socket_path())) as client,
        pytest.raises(redis.AuthenticationError),
    ):
        client.ping()
