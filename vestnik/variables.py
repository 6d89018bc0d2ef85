"""All environment variables, with a check of the value of each.

`problems` checks all of them before anything starts, so a mistake is one line with the variable's
name, and never a traceback. No message contains the value of a variable that may hold a password.
"""

import difflib
import ipaddress
import re
import zoneinfo
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, parse_qs, urlsplit

Check = Callable[[str], str]
"""Returns the fault of a value, as the end of a sentence that begins with the variable's name.

Empty for a valid value."""

PROVIDER_PREFIX = "SMS_PROVIDER_"
#: Prefixes of our variables: an unknown name with one of them is a mistake.
PREFIXES = ("VESTNIK_", "WEB_", "WORKER_", PROVIDER_PREFIX)
NAME = re.compile(r"[A-Z][A-Z0-9_]*")
HOST = re.compile(r"\*|\.?[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\]")
ORIGIN = re.compile(r"https?://(\*\.)?[^/*\s]+")
#: Kubernetes describes each Service to each pod by variables of the Service's name.
OF_KUBERNETES = re.compile(r"\w+_(SERVICE_(HOST|PORT\w*)|PORT(_\d+_(TCP|UDP)(_\w+)?)?)")
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
SOCKET = "write unix://:password@/path/of/the/socket?db=0"
TRUE_WORDS = {"1", "true", "yes", "on"}
FALSE_WORDS = {"0", "false", "no", "off"}
ENCODE = (
    "percent-encode what stands in the user name and the password: / as %2F, # as %23, ? as %3F, "
    "@ as %40, : as %3A"
)


@dataclass(frozen=True)
class Variable:
    """The check of a variable. The value of a `secret` one is never shown."""

    check: Check
    secret: bool = False


def one_line(value: str) -> str:
    """Check a text without control characters."""
    return "" if not CONTROL.search(value) else "holds a control character or a line break"


def secret_text(value: str) -> str:
    """Check a text that may have line breaks, as a key in a file has."""
    return "" if not CONTROL.search(re.sub(r"[\r\n\t]", "", value)) else "holds a control character"


def words(value: str) -> str:
    return one_line(value) or ("" if value.strip(", ") else f"is {shown(value)}, an empty list")


def whole_number(least: int, most: int) -> Check:
    """Return the check of a whole number within bounds."""

    def check(value: str) -> str:
        if re.fullmatch(r"[0-9]{1,9}", value.strip()) and least <= int(value) <= most:
            return ""
        return f"is {shown(value)}: write a whole number from {least} to {most}"

    return check


def port(value: str) -> str:
    if value.startswith(("tcp://", "udp://")):
        return (
            f"is {shown(value)}, which Kubernetes sets for a Service of that name: give the "
            "Service another name, or set enableServiceLinks to false"
        )
    return whole_number(1, 65535)(value)


def yes_or_no(value: str) -> str:
    fits = value.strip().lower() in TRUE_WORDS | FALSE_WORDS
    return "" if fits else f"is {shown(value)}: write true or false"


def one_of(*choices: str) -> Check:
    """Return the check of a word among `choices`, in any case."""

    def check(value: str) -> str:
        if value.strip().lower() in {choice.lower() for choice in choices}:
            return ""
        return f"is {shown(value)}: write one of {', '.join(choices)}"

    return check


def each(pattern: re.Pattern[str], what: str) -> Check:
    """Return the check of a comma-separated list whose items match the pattern."""

    def check(value: str) -> str:
        items = [item.strip() for item in value.split(",") if item.strip()]
        wrong = next((item for item in items if not pattern.fullmatch(item)), None)
        if wrong is None:
            return "" if items else f"is {shown(value)}, an empty list: write {what}"
        return f"holds {shown(wrong)}: write {what}"

    return check


def time_zone(value: str) -> str:
    try:
        zoneinfo.ZoneInfo(value)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return f"is {shown(value)}: write the name of a time zone, for example Europe/Moscow"
    return ""


def host(value: str) -> str:
    fits = re.fullmatch(r"[A-Za-z0-9_.-]+", value) or _is_ipv6(value)
    return "" if fits else f"is {shown(value)}: write an address or a host's name, without a port"


def _is_ipv6(value: str) -> bool:
    try:
        ipaddress.IPv6Address(value.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True


def folder(value: str) -> str:
    if CONTROL.search(value):
        return "holds a control character: write the path of a folder"
    try:
        Path(value).expanduser()
    except RuntimeError:
        return f"is {shown(value)}: there is no such user; write the whole path"
    return ""


def database_url(value: str) -> str:
    parts, problem = _address(value, ("postgresql", "postgres"), "postgresql://user:password@host")
    if problem or parts is None:
        return problem
    if not parts.path.strip("/"):
        return "names no database: end it with /NAME"
    for option in parse_qs(parts.query, keep_blank_values=True):
        if option.lower() not in _database_options():
            return f"has the option {shown(option)}, which PostgreSQL's client does not know"
    return ""


def _database_options() -> set[str]:
    """Return the options of PostgreSQL's client.

    psycopg is imported here, since the import takes 0.3 s of every command.
    """
    from psycopg import pq

    known = {option.keyword.decode() for option in pq.Conninfo.get_defaults()}
    return known | {"conn_max_age", "disable_server_side_cursors"}


#: Options in the query of a Redis address, by redis-py's names. Celery gets them as settings.
REDIS_OPTIONS: Mapping[str, Check] = {
    "socket_timeout": whole_number(2, 60),
    "socket_connect_timeout": whole_number(1, 60),
    "socket_keepalive": one_of("true", "false"),
    "retry_on_timeout": one_of("true", "false"),
    "health_check_interval": whole_number(0, 3600),
    "max_connections": whole_number(10, 100_000),
}
REDIS_OPTIONS_BY_SCHEME: Mapping[str, Mapping[str, Check]] = {
    "redis": {"db": whole_number(0, 9999)},
    "rediss": {
        "db": whole_number(0, 9999),
        "ssl_cert_reqs": one_of("none", "optional", "required"),
        "ssl_ca_certs": one_line,
        "ssl_certfile": one_line,
        "ssl_keyfile": one_line,
        "ssl_check_hostname": one_line,
    },
    "unix": {"db": whole_number(0, 9999)},
}


def redis_url(value: str) -> str:
    schemes = ("redis", "rediss", "unix")
    parts, problem = _address(value, schemes, "redis://:password@host:6379/0")
    if problem or parts is None:
        return problem
    if problem := _wrong_option(parts):
        return problem
    if parts.scheme == "unix":
        return "" if not parts.hostname and len(parts.path) > 1 else f"is no socket: {SOCKET}"
    if not parts.hostname:
        return "names no host: write redis://:password@host:6379/0"
    if not re.fullmatch(r"/?[0-9]{0,4}", parts.path):
        return "ends in something else than the number of a database: write …/0"
    return ""


def _wrong_option(parts: SplitResult) -> str:
    known = {**REDIS_OPTIONS, **REDIS_OPTIONS_BY_SCHEME[parts.scheme]}
    for option, values in parse_qs(parts.query, keep_blank_values=True).items():
        if option not in known:
            return f"has the option {shown(option)}, which is not known"
        if problem := known[option](values[0]):
            return f"has a wrong value of {option}: {problem.rpartition(': ')[2]}"
    return ""


def _address(value: str, schemes: tuple[str, ...], example: str) -> tuple[SplitResult | None, str]:
    """Return the parts of an address, or its fault, which does not quote the address."""
    scheme = value.partition("://")[0] if "://" in value else ""
    if scheme not in schemes:
        named = scheme.isalpha() and len(scheme) < 12
        kind = f"begins with {scheme}://" if named else "has no scheme"
        return None, f"{kind}: write it as {example}"
    if re.search(r"[\s\0]", value):
        return None, "holds a space or a line break: write it as " + example
    try:
        parts = urlsplit(value)
        number = parts.port
    except ValueError:
        brackets = "write an address like ::1 in brackets"
        return None, f"has no port that is a number up to 65535: {brackets}, and {ENCODE}"
    if parts.fragment or "@" in parts.path + parts.query:
        return None, f"cannot be read: {ENCODE}"
    if number == 0:
        return None, "has port 0: write the port of the server"
    return parts, ""


VARIABLES: dict[str, Variable] = {
    "VESTNIK_HOME": Variable(folder),
    "VESTNIK_PORT": Variable(port),
    "VESTNIK_WORKERS": Variable(whole_number(0, 512)),
    "DATABASE_URL": Variable(database_url, secret=True),
    "REDIS_URL": Variable(redis_url, secret=True),
    "DATABASE_POOL_SIZE": Variable(whole_number(2, 1000)),
    "DB_HOST": Variable(host),
    "DB_PORT": Variable(port),
    "DB_NAME": Variable(one_line),
    "POSTGRES_USER": Variable(one_line),
    "POSTGRES_PASSWORD": Variable(secret_text, secret=True),
    "CELERY_BROKER_URL": Variable(redis_url, secret=True),
    "WEB_HOST": Variable(host),
    "WEB_CONCURRENCY": Variable(whole_number(1, 512)),
    "WEB_STREAMS": Variable(whole_number(0, 10_000)),
    "WEB_HTTPS": Variable(yes_or_no),
    "WEB_PROXIES": Variable(whole_number(0, 10)),
    "WEB_REQUEST_SECONDS": Variable(whole_number(1, 3600)),
    "NUMBERS_WITHOUT_SMS": Variable(one_of("accept", "refuse")),
    "WORKER_CONCURRENCY": Variable(whole_number(2, 512)),
    "SECRET_KEY": Variable(secret_text, secret=True),
    "DEBUG": Variable(yes_or_no),
    "ALLOWED_HOSTS": Variable(each(HOST, "names of hosts, without a scheme, a port or a path")),
    "CSRF_TRUSTED_ORIGINS": Variable(each(ORIGIN, "origins, for example https://sms.example.ru")),
    "TIME_ZONE": Variable(time_zone),
    "STATIC_ROOT": Variable(folder),
    "MAILING_HORIZON_YEARS": Variable(whole_number(1, 100)),
    "LOG_LEVEL": Variable(one_of(*LEVELS)),
    "LOG_FORMAT": Variable(one_of("console", "json")),
    "DEFAULT_SMS_PROVIDER": Variable(each(re.compile(r"[a-z0-9-]+"), "an alias, for example main")),
    "STOP_WORDS": Variable(words),
}
#: Variables that the stack sets for its own processes.
INTERNAL = {"VESTNIK_READY_FD", "VESTNIK_PROCESS", "VESTNIK_FORKSERVER_FD"}
#: Variables of other programs with one of our prefixes.
FOREIGN = {"WEB_BROWSER", "VESTNIK_CONTAINERS"}


def problems(environ: Mapping[str, str], read: Callable[[str], str]) -> list[str]:
    """Return the faults of names and values, one sentence each.

    `read` returns the value of a variable, also from a file; empty if it is not set.
    """
    found = [*_names(environ), *_pairs(environ)]
    for name, variable in VARIABLES.items():
        if (value := read(name)) and (problem := variable.check(value)):
            found.append(f"{name} {problem}.")
    return found


def _pairs(environ: Mapping[str, str]) -> list[str]:
    """Return faults of variables that contradict each other or are incomplete."""
    given = {name for name in environ if environ[name].strip()}
    found = [
        f"{name} and {name}_FILE are both set: keep one of them."
        for name in sorted(given)
        if f"{name}_FILE" in given and (name in VARIABLES or name.startswith(PROVIDER_PREFIX))
    ]
    given |= {name.removesuffix("_FILE") for name in given}
    halves = [name for name in ("DB_NAME", "DB_PORT") if name in given]
    if halves and not given & {"DB_HOST", "DATABASE_URL"}:
        found.append(f"{halves[0]} is set and DB_HOST is not: set DB_HOST or DATABASE_URL as well.")
    return found


def _names(environ: Mapping[str, str]) -> list[str]:
    """Return faults of names with our prefixes that are unknown or misspelled."""
    found = []
    for name in sorted(environ):
        plain = name.upper().replace("-", "_")
        if not plain.startswith(PREFIXES) or name in INTERNAL | FOREIGN:
            continue
        if plain != name or not NAME.fullmatch(name):
            found.append(f"{shown(name)} is not read: write it {plain}.")
        elif not _is_known(name) and not OF_KUBERNETES.fullmatch(name):
            near = difflib.get_close_matches(name, VARIABLES, n=1)
            hint = f"did you mean {near[0]}?" if near else ".env.example lists the variables."
            found.append(f"{name} is no variable of Vestnik: {hint}")
    return found


def _is_known(name: str) -> bool:
    known = name in VARIABLES or name.removesuffix("_FILE") in VARIABLES
    return known or name.startswith(PROVIDER_PREFIX)


def shown(value: str) -> str:
    """Return a value for a message, shortened and quoted. Not for secrets."""
    return repr(value if len(value) <= 60 else f"{value[:60]}…")
