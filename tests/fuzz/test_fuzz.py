"""Whatever is sent: no 5xx, no answer over 1 MiB, no request over 5 s, no process over 300 MiB.

Some hundreds of requests here; `make fuzz` sends 20,000. What was once found is an example below.
"""

import html.parser
import os
import re
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.test import Client as Browser
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from tests.fuzz.requests import (
    FORM,
    SECRET,
    Hostile,
    bodies,
    callbacks,
    forms,
    queries,
    uploads,
)
from tests.test_extremes import addresses, something_of_everything
from vestnik.access.models import ApiKey, User
from vestnik.api.http.parsers import MIB
from vestnik.api.providers.callbacks import guesses
from vestnik.providers.registry import describe

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "400"))
SECONDS = 5.0
#: Of a process of the web, of which 100 are there before any request (see tests/stack/memory.py).
#: Here tests and their logs share the process: what one request adds is what counts.
MOST_MEMORY = 300 * MIB
AT_REST = 100 * MIB
#: A child process reads each file: these are fewer.
UPLOADS = 20

COUNTED: Counter[int] = Counter()
SLOWEST: list[tuple[float, str]] = []


class Fields(html.parser.HTMLParser):
    """The names of a page's fields."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        name = dict(attrs).get("name")
        if tag in ("input", "select", "textarea", "button") and name:
            self.names.add(name)


@pytest.fixture
def sender(transactional_db: None, settings: Any) -> Browser:
    """Somebody who may do everything, in the pages and by the API."""
    gateway = {"url": "https://gateway.example", "callback_secret": SECRET}
    smsc = {"login": "x", "password": "y", "callback_secret": SECRET}
    settings.SMS_PROVIDERS = {
        "main": {"BACKEND": "http_gateway", "OPTIONS": gateway},
        "vendor": {"BACKEND": "smsc", "OPTIONS": smsc},
        "signed": {"BACKEND": "smsc", "OPTIONS": {**smsc, "callback_signature_secret": "z"}},
        "console": {"BACKEND": "console", "OPTIONS": {}},
        "null": {"BACKEND": "null", "OPTIONS": {}},
    }
    describe.cache_clear()
    user = User.objects.create_user("fuzz", password="x", role="admin", is_staff=True)
    _, key = ApiKey.objects.issue(name="fuzz", role="admin")
    opened = Browser(headers={"authorization": f"Bearer {key}"}, raise_request_exception=False)
    opened.force_login(user)
    return opened


@pytest.mark.timeout(7200)
def test_no_request_takes_the_service_down(sender: Browser) -> None:
    ids = something_of_everything()
    read = tuple(dict.fromkeys(addresses(ids)))
    fields = {path: _fields(sender, path) for path in read if not path.startswith("/api/")}
    fields = {path: names for path, names in fields.items() if names}
    kinds = [bodies()] * 4 + [queries(read)] * 3 + [forms(fields)] * 2 + [callbacks()] * 2
    assert len(read) > 60
    assert len(fields) > 20

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize="FUZZ_EXAMPLES" not in os.environ,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate],
    )
    @given(st.one_of(*kinds))
    @example(Hostile("POST", "/preferences/theme/", b"next=abc", FORM))
    @example(Hostile("GET", "/admin/access/user/?role__exact=%00"))
    @example(Hostile("GET", f"/api/v1/receipts/vendor/{SECRET}/?id=v{'9' * 5000}&status=1"))
    @example(Hostile("POST", "/clients/add/", b"tag=%00&phone_number=%00", FORM))
    @example(Hostile("POST", "/settings/users/add/", b"", FORM))
    def sends(request: Hostile) -> None:
        _check(sender, request, ids)

    sends()
    _report()


@pytest.mark.timeout(7200)
def test_no_file_takes_the_service_down(sender: Browser) -> None:
    @settings(
        max_examples=max(UPLOADS, EXAMPLES // 50),
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate],
    )
    @given(uploads())
    def sends(request: Hostile) -> None:
        _check(sender, request, {})

    sends()
    _report()


def _check(sender: Browser, request: Hostile, ids: dict[str, Any]) -> None:
    path = re.sub(r"/(\w[\w-]*)/\{id\}", lambda found: _with_id(found, ids), request.path)
    guesses.forget()
    _forget_peak()
    before = _memory("VmRSS")
    began = time.process_time()
    with transaction.atomic():
        answer = sender.generic(
            request.method,
            path if path.startswith("/") else f"/{path}",
            request.body,
            request.kind,
            headers=request.headers,
        )
        size = len(b"".join(answer.streaming_content)) if answer.streaming else len(answer.content)
        transaction.set_rollback(True)
    seconds = time.process_time() - began
    COUNTED[answer.status_code] += 1
    SLOWEST.append((seconds, f"{request.method} {path[:60]}"))
    SLOWEST.sort(reverse=True)
    del SLOWEST[3:]
    assert answer.status_code < 500, f"{request}"[:1000]
    assert size <= MIB
    assert seconds < SECONDS
    assert _memory("VmHWM") - before < MOST_MEMORY - AT_REST


def _with_id(found: "re.Match[str]", ids: dict[str, Any]) -> str:
    known = ids.get(found[1]) or [1]
    return f"/{found[1]}/{known[0]}"


def _fields(sender: Browser, path: str) -> tuple[str, ...]:
    answer = sender.get(path)
    if answer.status_code != 200 or not answer["Content-Type"].startswith("text/html"):
        return ()
    parser = Fields()
    parser.feed(answer.content.decode())
    return tuple(sorted(parser.names - {"csrfmiddlewaretoken"}))


def _forget_peak() -> None:
    """From here on the peak is counted anew."""
    Path("/proc/self/clear_refs").write_text("5")


def _memory(name: str) -> int:
    """`VmRSS` is what this process has now, `VmHWM` the most since the peak was forgotten."""
    status = Path("/proc/self/status").read_text()
    [kib] = re.findall(rf"{name}:\s+(\d+) kB", status)
    return int(kib) * 1024


def _report() -> None:
    print(f"{sum(COUNTED.values())} requests: {dict(sorted(COUNTED.items()))}")
    print(f"slowest: {SLOWEST}")
