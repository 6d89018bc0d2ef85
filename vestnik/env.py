"""The environment, read once and typed: the one place that knows the variables' names.

Each variable may also be given as `NAME_FILE`, the path of a file that holds the value, as
Docker's and Kubernetes' secrets are. A `.env` file beside the working directory is read first;
what the process was started with wins over it.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from django.core.exceptions import ImproperlyConfigured
from dotenv import load_dotenv

PROVIDER_PREFIX = "SMS_PROVIDER_"
BACKEND_SUFFIX = "_BACKEND"
CONSOLE = f"{PROVIDER_PREFIX}CONSOLE{BACKEND_SUFFIX}"
TRUE_WORDS = {"1", "true", "yes", "on"}
FALSE_WORDS = {"0", "false", "no", "off", ""}


class Hidden(str):
    """An option's text, which may be a secret: `diffsettings` and others print settings."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'…'"


def load(path: Path | None = None) -> None:
    """Read `.env` into the process's environment, where it says nothing yet."""
    load_dotenv(path or Path.cwd() / ".env")


def text(name: str, default: str = "", *, older: tuple[str, ...] = ()) -> str:
    """The value of `name`, of `name_FILE`'s file, or of the first of the `older` names set."""
    for key in (name, *older):
        if key in os.environ:
            return os.environ[key]
        if path := os.environ.get(f"{key}_FILE"):
            return _secret(key, Path(path))
    return default


def _secret(name: str, path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError as error:
        raise ImproperlyConfigured(
            f"{name}_FILE names {path}, which cannot be read: {error.strerror}."
        ) from error


def flag(name: str, default: bool = False) -> bool:
    """A yes-or-no variable: 1, true, yes, on; 0, false, no, off."""
    word = text(name, str(default)).strip().lower()
    if word in TRUE_WORDS | FALSE_WORDS:
        return word in TRUE_WORDS
    raise ImproperlyConfigured(f"{name} is {word!r}: write true or false.")


def number(name: str, default: int) -> int:
    """A whole number."""
    word = text(name, str(default))
    try:
        return int(word)
    except ValueError:
        raise ImproperlyConfigured(f"{name} is {word!r}: write a whole number.") from None


def words(name: str, default: str = "") -> list[str]:
    """A comma-separated list."""
    return [word.strip() for word in text(name, default).split(",") if word.strip()]


def home() -> Path:
    """The data folder of the embedded stack."""
    return Path(text("VESTNIK_HOME", ".vestnik")).expanduser().absolute()


def database_url() -> str:
    """`DATABASE_URL`, or one put together from the older names; empty where neither is set."""
    if url := text("DATABASE_URL"):
        return url
    host = text("DB_HOST")
    if not host:
        return ""
    user = quote(text("POSTGRES_USER", "postgres"), safe="")
    password = quote(text("POSTGRES_PASSWORD"), safe="")
    name = quote(text("DB_NAME", "postgres"), safe="")
    return f"postgresql://{user}:{password}@{host}:{text('DB_PORT', '5432')}/{name}"


def redis_url() -> str:
    """`REDIS_URL`, or the older `CELERY_BROKER_URL`; empty where neither is set."""
    return text("REDIS_URL", older=("CELERY_BROKER_URL",))


def providers(environ: Mapping[str, str] = os.environ) -> dict[str, dict[str, object]]:
    """`SMS_PROVIDERS` from `SMS_PROVIDER_<ALIAS>_BACKEND` and `SMS_PROVIDER_<ALIAS>_<OPTION>`.

    The alias is lower-case with hyphens: `SMS_PROVIDER_SMPP_MAIN_BACKEND` declares `smpp-main`.
    `console` is always declared, so that a first mailing can cost nobody anything.
    Options stay text here; each backend reads its own into types and reports what is wrong.
    """
    names = {name.removesuffix("_FILE") for name in environ if name.startswith(PROVIDER_PREFIX)}
    backends = {CONSOLE, *(name for name in names if name.endswith(BACKEND_SUFFIX))}
    declared = sorted((name.removesuffix(BACKEND_SUFFIX) + "_" for name in backends), key=len)
    options: dict[str, dict[str, object]] = {_alias(stem): {} for stem in declared}
    for name in sorted(names - backends):
        # The longest stem wins: SMS_PROVIDER_SMPP_MAIN_URL is not option MAIN_URL of "smpp".
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


def _alias(stem: str) -> str:
    return stem.removeprefix(PROVIDER_PREFIX).strip("_").lower().replace("_", "-")
