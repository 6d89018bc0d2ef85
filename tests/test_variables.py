"""Settings: each wrong value is one line that names its variable, and shows no secret."""

import re
import subprocess
import sys
from pathlib import Path

import kombu
import pytest
import redis
from django.core.exceptions import ImproperlyConfigured

from tests.stack.embedded_servers import without_servers
from vestnik import env
from vestnik.variables import VARIABLES, problems

ROOT = Path(__file__).parents[1]
SECRET = "s3cr3t-w0rd"

NOT_NUMBERS = [
    "x",
    "ten",
    "+5",
    "1.5",
    "1e3",
    "-1",
    "١",
    "1_0",
    "0x10",
    "99999999999999999999",
    "1 0",
]
NOT_PORTS = [*NOT_NUMBERS, "0", "65536", "99999", "tcp://10.0.0.1:8000", "8000/tcp"]
NOT_FLAGS = ["maybe", "2", "да", "tru", "on off", "-"]
NOT_DATABASES = [
    f"postgresql://vestnik:{SECRET}@host:99999/vestnik",
    f"postgresql://vestnik:{SECRET}/x@host:5432/vestnik",
    f"postgresql://vestnik:{SECRET}#x@host:5432/vestnik",
    f"postgresql://vestnik:{SECRET}?x@host:5432/vestnik",
    f"postgresql://vestnik:{SECRET}@::1:5432/vestnik",
    f"postgresql://vestnik:{SECRET}@host:5432",
    f"postgresql://vestnik:{SECRET}@host:5432/",
    f"postgresql://vestnik:{SECRET}@host:port/vestnik",
    f"postgresql://vestnik:{SECRET}@ho st/vestnik",
    f"mysql://vestnik:{SECRET}@host/vestnik",
    f"sqlite:///{SECRET}",
    f"vestnik:{SECRET}@host/vestnik",
    f"host=db password={SECRET}",
    f"postgresql://vestnik:{SECRET}@host/vestnik?colour=red",
    f"//vestnik:{SECRET}@host/vestnik",
]
NOT_BROKERS = [
    f":{SECRET}@host:6379/0",
    "host:6379",
    "localhost",
    f"unix://{SECRET}/run/redis.sock",
    f"sentinel://:{SECRET}@host:26379/0",
    f"amqp://user:{SECRET}@host:5672//",
    f"http://:{SECRET}@host:6379/0",
    f"redis://:{SECRET}#x@host:6379/0",
    f"redis://:{SECRET}/x@host:6379/0",
    f"redis://:{SECRET}@host:99999/0",
    f"redis://:{SECRET}@::1:6379/0",
    f"redis://:{SECRET}@host:6379/main",
    f"redis://:{SECRET}@/0",
    f"redis://:{SECRET}@host:0/0",
    f"redis://:{SECRET}@host:6379/0?socket_timeout={SECRET}",
    f"redis://:{SECRET}@host:6379/0?socket_timeout=0",
    f"redis://:{SECRET}@host:6379/0?health_check_interval=",
    f"redis://:{SECRET}@host:6379/0?timeout=5",
    f"redis://:{SECRET}@host:6379/0?ssl_cert_reqs=none",
    f"rediss://:{SECRET}@host:6379/0?colour=red",
    f"unix://:{SECRET}@",
    f"unix://:{SECRET}@host/run/redis.sock",
    f"unix://:{SECRET}@/run/redis.sock?virtual_host=1",
]
NOT_HOSTS = ["http://127.0.0.1", "127.0.0.1/8", "a b", "host;", "хост", "db:5432", "[::1]:80"]
NOT_FOLDERS = ["~no-such-user-of-ours/x", "a\0b", "a\nb", "/data\x7f"]
NOT_ONE_LINE = ["a\0b", "two\nlines", "tab\tbed", "\x1b[1m"]
NOT_SECRETS = [f"{SECRET}\0", f"\x01{SECRET}", f"{SECRET}\x7f"]
WRONG = {
    "VESTNIK_HOME": NOT_FOLDERS,
    "VESTNIK_PORT": NOT_PORTS,
    "VESTNIK_WORKERS": NOT_NUMBERS,
    "DATABASE_URL": NOT_DATABASES,
    "REDIS_URL": NOT_BROKERS,
    "CELERY_BROKER_URL": NOT_BROKERS,
    "DATABASE_POOL_SIZE": [*NOT_NUMBERS, "0", "1"],
    "DB_HOST": NOT_HOSTS,
    "DB_PORT": NOT_PORTS,
    "WEB_HOST": NOT_HOSTS,
    "WEB_CONCURRENCY": [*NOT_NUMBERS, "0"],
    "WEB_STREAMS": NOT_NUMBERS,
    "WEB_HTTPS": NOT_FLAGS,
    "WEB_PROXIES": [*NOT_NUMBERS, "11"],
    "WORKER_CONCURRENCY": [*NOT_NUMBERS, "0"],
    "WEB_REQUEST_SECONDS": [*NOT_NUMBERS, "0", "3601"],
    "NUMBERS_WITHOUT_SMS": ["yes", "keep", "принимать"],
    "DEBUG": NOT_FLAGS,
    "ALLOWED_HOSTS": [
        ",",
        " , ",
        "https://sms.example.ru",
        "sms.example.ru:8000",
        "a.ru,b c",
        "a/b",
        "::1",
    ],
    "CSRF_TRUSTED_ORIGINS": ["sms.example.ru", "https://sms.example.ru/path", "ftp://a.ru"],
    "TIME_ZONE": ["Foo/Bar", "МСК", "../etc/passwd", "Europe/Moscow ", "UTC+3", "europe\0"],
    "STATIC_ROOT": NOT_FOLDERS,
    "LOG_LEVEL": ["verbose", "10", "warn ing", "ИНФО"],
    "LOG_FORMAT": ["xml", "text", "JSON lines"],
    "DEFAULT_SMS_PROVIDER": ["MAIN", "a b", "a_b"],
    "MAILING_HORIZON_YEARS": [*NOT_NUMBERS, "0", "101"],
    "DB_NAME": NOT_ONE_LINE,
    "POSTGRES_USER": NOT_ONE_LINE,
    "POSTGRES_PASSWORD": NOT_SECRETS,
    "SECRET_KEY": NOT_SECRETS,
    "STOP_WORDS": [",", ", ,", "СТОП\0", "СТОП\nSTOP"],
}
RIGHT = {
    "VESTNIK_HOME": ["~/vestnik", ".vestnik"],
    "DATABASE_URL": [
        "postgresql://a:b%2Fc@[::1]:5432/d?sslmode=require",
        "postgres://a@h/d",
        "postgresql://a:b@/vestnik?host=/run/postgresql",
    ],
    "REDIS_URL": [
        "redis://h",
        "rediss://:p@h:1/15?ssl_cert_reqs=none",
        "unix://:p@/run/x.sock?db=1",
        "redis://u:p%40x@[::1]:6379/0",
        "redis://h:6379/0?socket_timeout=5",
        "redis://h:6379?db=3&health_check_interval=30&socket_keepalive=true",
        "rediss://h/0?ssl_check_hostname=false&retry_on_timeout=true&max_connections=50",
        "unix:///run/x.sock?db=1&socket_connect_timeout=3",
    ],
    "ALLOWED_HOSTS": ["*", ".example.ru,127.0.0.1,[::1]"],
    "CSRF_TRUSTED_ORIGINS": ["https://*.example.ru,http://127.0.0.1:8000"],
    "LOG_LEVEL": ["info", "WARNING"],
    "TIME_ZONE": ["Asia/Vladivostok", "UTC"],
    "DEBUG": ["Yes", "0"],
    "WEB_HOST": ["192.0.2.1", "::", "[::1]", "localhost"],
}
NAMES = {
    "VESTNIK_PROT": "did you mean VESTNIK_PORT?",
    "WEB_CONCURENCY": "did you mean WEB_CONCURRENCY?",
    "WORKER_THREADS": "is no variable of Vestnik",
    "vestnik_port": "write it VESTNIK_PORT",
    "SMS_PROVIDER_SMPP-MAIN_BACKEND": "write it SMS_PROVIDER_SMPP_MAIN_BACKEND",
    "sms_provider_main_url": "write it SMS_PROVIDER_MAIN_URL",
}


def read(environ: dict[str, str]) -> list[str]:
    return problems(environ, lambda name: environ.get(name, ""))


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in WRONG.items() for value in values]
)
def test_a_wrong_value_is_one_line_that_names_its_variable(name: str, value: str) -> None:
    (line,) = read({name: value, **({"DB_HOST": "h"} if name in ("DB_PORT", "DB_NAME") else {})})
    assert line.startswith(f"{name} ")
    assert "\n" not in line
    assert SECRET not in line


def test_there_are_two_hundred_of_them_and_every_variable_is_in_the_table() -> None:
    assert sum(map(len, WRONG.values())) >= 200
    assert set(WRONG) == set(VARIABLES)
    assert all(len(values) >= 3 for values in WRONG.values())


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in RIGHT.items() for value in values]
)
def test_a_right_value_is_taken(name: str, value: str) -> None:
    assert read({name: value}) == []


@pytest.mark.parametrize(("name", "said"), NAMES.items())
def test_a_name_that_is_not_read_is_said(name: str, said: str) -> None:
    (line,) = read({name: "1"})
    assert said in line


@pytest.mark.parametrize(
    "name",
    ["VESTNIK_SERVICE_HOST", "VESTNIK_PORT_8000_TCP", "VESTNIK_WEB_PORT", "WEB_SERVICE_PORT_HTTP"],
)
def test_what_kubernetes_sets_for_a_service_is_none_of_ours(name: str) -> None:
    assert read({name: "tcp://10.0.0.1:8000"}) == []


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"SECRET_KEY": "a", "SECRET_KEY_FILE": "/x"}, "SECRET_KEY and SECRET_KEY_FILE are both"),
        (
            {"SMS_PROVIDER_MAIN_TOKEN": "a", "SMS_PROVIDER_MAIN_TOKEN_FILE": "/x"},
            "SMS_PROVIDER_MAIN_TOKEN and SMS_PROVIDER_MAIN_TOKEN_FILE are both",
        ),
        ({"DB_NAME": "vestnik"}, "DB_NAME is set and DB_HOST is not"),
        ({"DB_PORT": "5433"}, "DB_PORT is set and DB_HOST is not"),
    ],
)
def test_what_is_set_twice_or_by_half_is_said(environ: dict[str, str], said: str) -> None:
    (line,) = read(environ)
    assert said in line


@pytest.mark.parametrize("name", sorted(VARIABLES))
@pytest.mark.parametrize("empty", ["", " ", "\t\n"])
def test_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch, name: str, empty: str) -> None:
    monkeypatch.setenv(name, empty)
    monkeypatch.setenv(f"{name}_FILE", empty)
    assert env.text(name, "the default") == "the default"
    assert read({name: "", f"{name}_FILE": empty}) == []


@pytest.mark.parametrize("name", sorted(VARIABLES))
def test_every_variable_may_stand_in_a_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    (tmp_path / "value").write_text("from the file\n")
    monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(f"{name}_FILE", str(tmp_path / "value"))
    assert env.text(name) == "from the file"
    (tmp_path / "value").unlink()
    with pytest.raises(ImproperlyConfigured, match=f"{name}_FILE names .* No such file"):
        env.text(name)


def test_an_empty_variable_does_not_hide_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "key").write_text("from the file\n")
    monkeypatch.setenv("SECRET_KEY", "")
    monkeypatch.setenv("SECRET_KEY_FILE", str(tmp_path / "key"))
    assert env.text("SECRET_KEY") == "from the file"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('A=1\nSTOP_WORDS="СТОП\nDEBUG=true\n'.encode(), "line 2: not NAME=value"),
        ("A=1\nB=2\nSTOP_WORDS=СТОП\n".encode("cp1251"), "line 3: not UTF-8"),
        (b"A=1\nthis is no assignment\n", "line 2: not NAME=value"),
        (b"A=1\nTIME_ZONE=Europe/Mos\0cow\n", "line 2: a NUL character"),
    ],
)
def test_a_line_of_the_file_that_cannot_be_read_is_named(
    tmp_path: Path, content: bytes, said: str
) -> None:
    path = tmp_path / ".env"
    path.write_bytes(content)
    with pytest.raises(ImproperlyConfigured, match=said):
        env.load(path)


def test_every_variable_that_the_code_reads_is_declared_and_documented() -> None:
    code = "\n".join(path.read_text() for path in (ROOT / "vestnik").rglob("*.py"))
    names = set(re.findall(r'env\.(?:text|number|flag|words|choice)\(\s*"([A-Z_]+)"', code))
    documented = (ROOT / ".env.example").read_text()
    assert names
    assert names <= set(VARIABLES)
    assert [name for name in VARIABLES if f"\n#{name}=" not in documented] == []


@pytest.mark.parametrize(
    ("words", "environ", "said"),
    [
        (["up"], {"VESTNIK_PORT": "99999"}, "VESTNIK_PORT is '99999'"),
        (["setup"], {"DATABASE_URL": NOT_DATABASES[1]}, "DATABASE_URL has no port"),
        (["worker"], {"REDIS_URL": NOT_BROKERS[0]}, "REDIS_URL has no scheme"),
        (["web"], {"TIME_ZONE": "Foo/Bar"}, "TIME_ZONE is 'Foo/Bar'"),
        (["manage", "check"], {"LOG_LEVEL": "verbose"}, "LOG_LEVEL is 'verbose'"),
        (["up"], {"VESTNIK_HOME": "~no-such-user-of-ours"}, "VESTNIK_HOME is"),
    ],
)
def test_a_command_ends_with_that_line_and_status_2(
    words: list[str], environ: dict[str, str], said: str
) -> None:
    done = vestnik(words, environ)
    assert done.returncode == 2
    assert done.stderr.startswith(f"vestnik: {said}")
    assert done.stderr.count("\n") == 1
    assert SECRET not in done.stderr + done.stdout


def test_django_shows_no_secret() -> None:
    secrets = {
        "DATABASE_URL": f"postgresql://a:{SECRET}@h/d",
        "REDIS_URL": f"redis://:{SECRET}@h/0",
        "SECRET_KEY": SECRET,
        "SMS_PROVIDER_MAIN_BACKEND": "http_gateway",
        "SMS_PROVIDER_MAIN_TOKEN": SECRET,
    }
    for url in (f"postgresql://a:{SECRET}@h/d", f"postgresql://h/d?user=a&password={SECRET}"):
        done = vestnik(["manage", "diffsettings", "--all"], secrets | {"DATABASE_URL": url})
        assert "DATABASES" in done.stdout
        assert SECRET not in done.stdout


@pytest.mark.parametrize(
    ("written", "bound"),
    [("::", "[::]"), ("[::1]", "[::1]"), ("::1", "[::1]"), ("192.0.2.1", "192.0.2.1")],
)
def test_an_address_with_colons_stands_in_brackets_before_its_port(
    monkeypatch: pytest.MonkeyPatch, written: str, bound: str
) -> None:
    assert env.bracketed(written) == bound
    monkeypatch.setenv("DATABASE_URL", "")
    monkeypatch.setenv("DB_HOST", written)
    url = env.database_url()
    assert f"@{bound}:5432/" in url
    assert VARIABLES["DATABASE_URL"].check(url) == ""


def test_a_socket_s_address_is_written_as_celery_writes_it() -> None:
    assert env.celery_url("redis://:p@h:1/2") == "redis://:p@h:1/2"
    url = env.celery_url("unix://:p%2F@/run/x.sock?db=3")
    assert url == "redis+socket://:p%2F@/run/x.sock?virtual_host=3"


@pytest.mark.parametrize(
    ("url", "address", "options"),
    [
        ("redis://h:1/2?socket_timeout=5", "redis://h:1/2", {"socket_timeout": 5}),
        ("redis://h?db=3&health_check_interval=0", "redis://h/3", {"health_check_interval": 0}),
        (
            "rediss://h/1?ssl_ca_certs=/ca.pem&socket_keepalive=true&ssl_cert_reqs=required",
            "rediss://h/1?ssl_ca_certs=/ca.pem&ssl_cert_reqs=required",
            {"socket_keepalive": True},
        ),
        (
            "unix:///x.sock?db=1&retry_on_timeout=false",
            "redis+socket:///x.sock?virtual_host=1",
            {"retry_on_timeout": False},
        ),
    ],
)
def test_options_of_an_address_reach_both_clients(
    url: str, address: str, options: dict[str, object]
) -> None:
    assert env.celery_url(url) == address
    assert env.celery_options(url) == options
    assert kombu.Connection(address).as_uri()
    taken = redis.Redis.from_url(url).connection_pool.connection_kwargs
    assert {name: taken[name] for name in options} == options


@pytest.mark.parametrize(
    "command",
    [
        [sys.executable, "-c", "import vestnik.wsgi"],
        [sys.executable, "-m", "celery", "-A", "vestnik", "worker", "--pool=threads"],
    ],
)
def test_no_entry_works_with_a_key_that_is_published(command: list[str]) -> None:
    environ = {"DATABASE_URL": "postgresql://a@127.0.0.1:9/d", "REDIS_URL": "redis://127.0.0.1:9"}
    done = subprocess.run(
        command, env=without_servers() | environ, capture_output=True, text=True, timeout=60
    )
    assert done.returncode != 0
    assert "SECRET_KEY is not set" in done.stderr


def vestnik(words: list[str], environ: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "vestnik", *words],
        env=without_servers() | environ,
        capture_output=True,
        text=True,
        timeout=60,
    )
