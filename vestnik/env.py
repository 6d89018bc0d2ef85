"""Reads and converts environment variables.

Each variable may also be given as `NAME_FILE`, the path of a file with the value, as Docker and
Kubernetes provide secrets. A file `.env` in the working directory is read first; variables of the
process take precedence over it. An empty variable, or one of spaces, counts as not set.
"""

import os
from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from django.core.exceptions import ImproperlyConfigured
from dotenv import dotenv_values
from dotenv.parser import parse_stream

from vestnik.variables import (
    FALSE_WORDS,
    PROVIDER_PREFIX,
    REDIS_OPTIONS,
    TRUE_WORDS,
    problems,
    shown,
)

BACKEND_SUFFIX = "_BACKEND"
CONSOLE = f"{PROVIDER_PREFIX}CONSOLE{BACKEND_SUFFIX}"


class Hidden(str):
    """A text whose `repr` is hidden: it may be a secret, and `diffsettings` prints settings."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'…'"


def load(path: Path | None = None) -> None:
    """Read `.env` into variables of the process that are not set, and check all variables.

    Raises ImproperlyConfigured, with a line for each mistake.
    """
    for name, value in _read_env_file(path or Path.cwd() / ".env").items():
        os.environ.setdefault(name, value)
    if found := problems(os.environ, text):
        raise ImproperlyConfigured("\n".join(found))


def _read_env_file(path: Path) -> dict[str, str]:
    try:
        content = path.read_text(encoding="utf-8-sig")
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return {}
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ImproperlyConfigured(f"{path}, line {line}: not UTF-8: save it as UTF-8.") from error
    except OSError as error:
        raise ImproperlyConfigured(f"{path} cannot be read: {error.strerror}.") from error
    if "\0" in content:
        line = content[: content.index("\0")].count("\n") + 1
        raise ImproperlyConfigured(f"{path}, line {line}: a NUL character: remove it.")
    for binding in parse_stream(StringIO(content)):
        if binding.error:
            raise ImproperlyConfigured(
                f"{path}, line {binding.original.line}: not NAME=value: check for an open "
                "quotation mark."
            )
    values = dotenv_values(stream=StringIO(content))
    return {name: value for name, value in values.items() if value is not None}


def text(name: str, default: str = "", *, older: tuple[str, ...] = ()) -> str:
    """Return the value of `name`, of the file in `name_FILE`, or of the first `older` name that is
    set."""
    for key in (name, *older):
        if (value := os.environ.get(key, "")).strip():
            return value
        if (path := os.environ.get(f"{key}_FILE", "")).strip():
            return _secret(key, Path(path))
    return default


def _secret(name: str, path: Path) -> str:
    try:
        value = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ImproperlyConfigured(
            f"{name}_FILE names {path}, which cannot be read: {error.strerror}."
        ) from error
    except UnicodeDecodeError as error:
        raise ImproperlyConfigured(f"{name}_FILE names {path}, which is not UTF-8.") from error
    if not value:
        raise ImproperlyConfigured(f"{name}_FILE names {path}, which is empty.")
    return value


def flag(name: str, default: bool = False) -> bool:
    """Return a boolean: 1, true, yes, on; 0, false, no, off. Raises ImproperlyConfigured."""
    word = text(name, str(default)).strip().lower()
    if word in TRUE_WORDS | FALSE_WORDS:
        return word in TRUE_WORDS
    raise ImproperlyConfigured(f"{name} is {shown(word)}: write true or false.")


def number(name: str, default: int) -> int:
    """Return a whole number of at most nine characters. Raises ImproperlyConfigured."""
    word = text(name, str(default)).strip()
    if not word.isascii() or not word.removeprefix("-").isdecimal() or len(word) > 9:
        raise ImproperlyConfigured(f"{name} is {shown(word)}: write a whole number.")
    return int(word)


def choice(name: str, default: str, choices: tuple[str, ...]) -> str:
    """Return one of the `choices`, in lower case. Raises ImproperlyConfigured."""
    word = text(name, default).strip().lower() or default
    if word not in choices:
        raise ImproperlyConfigured(f"{name} is {word!r}: write {' or '.join(choices)}.")
    return word


def words(name: str, default: str = "") -> list[str]:
    """Return the items of a comma-separated list."""
    return [word.strip() for word in text(name, default).split(",") if word.strip()]


def home() -> Path:
    """Return the home folder of the embedded stack."""
    return Path(text("VESTNIK_HOME", ".vestnik")).expanduser().absolute()


def require_secret_key() -> None:
    """Raise ImproperlyConfigured without a SECRET_KEY, which signs sessions."""
    if not text("SECRET_KEY"):
        raise ImproperlyConfigured(
            "SECRET_KEY is not set: give web and workers the same long random text."
        )


def database_url() -> str:
    """Return `DATABASE_URL`, or an address built from the older variables; empty without either."""
    if url := text("DATABASE_URL"):
        return url
    host = text("DB_HOST")
    if not host:
        return ""
    user = quote(text("POSTGRES_USER", "postgres"), safe="")
    password = quote(text("POSTGRES_PASSWORD"), safe="")
    name = quote(text("DB_NAME", "postgres"), safe="")
    return f"postgresql://{user}:{password}@{bracketed(host)}:{text('DB_PORT', '5432')}/{name}"


def bracketed(host: str) -> str:
    """Return a host as it is written before a port: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def redis_url() -> str:
    """Return `REDIS_URL`, or the older `CELERY_BROKER_URL`; empty without either."""
    return text("REDIS_URL", older=("CELERY_BROKER_URL",))


def celery_url(redis_url: str) -> str:
    """Return the address of the same server in Celery's form.

    Celery has another scheme for a Unix socket, and accepts only the options of TLS in the address.
    """
    parts = urlsplit(redis_url)
    options = dict(parse_qsl(parts.query))
    database = options.get("db", "")
    if parts.scheme == "unix":
        return f"redis+socket://{parts.netloc}{parts.path}?virtual_host={database or 0}"
    path = parts.path if parts.path.strip("/") else f"/{database}"
    tls = {name: value for name, value in options.items() if name.startswith("ssl_")}
    return urlunsplit(parts._replace(path=path.rstrip("/"), query=urlencode(tls, safe="/")))


def celery_options(redis_url: str) -> dict[str, int | bool]:
    """Return the other options of the address, which Celery takes as transport options."""
    options = dict(parse_qsl(urlsplit(redis_url).query))
    return {
        name: int(value) if value.isdigit() else value.lower() == "true"
        for name, value in options.items()
        if name in REDIS_OPTIONS
    }


def providers(environ: Mapping[str, str] = os.environ) -> dict[str, dict[str, object]]:
    """Return `SMS_PROVIDERS`, read from the variables `SMS_PROVIDER_<ALIAS>_…`.

    `SMS_PROVIDER_SMPP_MAIN_BACKEND` declares the provider `smpp-main`; all further variables with
    the prefix are its options. `console` is always declared, so that a first mailing costs nothing.
    Options are texts here: each backend converts its own and reports invalid ones. Raises
    ImproperlyConfigured for an option of an undeclared provider.
    """
    names = {_owner_of_file(name) for name in environ if name.startswith(PROVIDER_PREFIX)}
    backends = {CONSOLE, *(name for name in names if name.endswith(BACKEND_SUFFIX))}
    declared = sorted((name.removesuffix(BACKEND_SUFFIX) + "_" for name in backends), key=len)
    options: dict[str, dict[str, object]] = {_alias(stem): {} for stem in declared}
    for name in sorted(names - backends):
        # The longest prefix wins: SMS_PROVIDER_SMPP_MAIN_URL is not the option MAIN_URL of "smpp".
        owner = next((stem for stem in reversed(declared) if name.startswith(stem)), None)
        if owner is None:
            raise ImproperlyConfigured(
                f"{name} belongs to no provider: set its {BACKEND_SUFFIX.strip('_')} as well, "
                f"for example {PROVIDER_PREFIX}MAIN{BACKEND_SUFFIX}=console."
            )
        options[_alias(owner)][name.removeprefix(owner).lower()] = Hidden(text(name))
    return {
        _alias(stem): {"BACKEND": text(f"{stem}BACKEND", "console"), "OPTIONS": given}
        for stem, given in zip(declared, options.values(), strict=True)
    }


def _owner_of_file(name: str) -> str:
    """Return the variable whose value `NAME_FILE` provides.

    `CA_FILE` is an option of its own: a path that the provider reads.
    """
    return name if name.endswith("_CA_FILE") else name.removesuffix("_FILE")


def _alias(stem: str) -> str:
    return stem.removeprefix(PROVIDER_PREFIX).strip("_").lower().replace("_", "-")
