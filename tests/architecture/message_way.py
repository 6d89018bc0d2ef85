"""`make way`: the files that one message passes, from `POST /api/v1/mailings/` to its first byte.

The request, the two tasks and the null provider run in this process. The first call of each
function of vestnik/ is noted until the provider has the message. A visit is a run of such calls in
one file; a return is a visit to a file that was left before. `--write` puts the list into
docs/architecture.md.
"""

import json
import os
import re
import sys
import textwrap
import threading
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from tests.stack.servers import Servers

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "architecture.md"
PACKAGE = f"{ROOT / 'vestnik'}/"
#: Where the message has arrived.
ARRIVAL = ("providers/null.py", "_take")
ENVIRON = {
    "DJANGO_SETTINGS_MODULE": "vestnik.settings",
    "SECRET_KEY": "for-tests-alone",
    "SMS_PROVIDER_NULL_BACKEND": "null",
    "DEFAULT_SMS_PROVIDER": "null",
    "ALLOWED_HOSTS": "testserver",
}
BODY = {
    "text": "Hello {{ name }}",
    "filter": {"tags": ["way"]},
    "starts_at": "2026-01-01T00:00:00Z",
}


class Way:
    """The files in the order of their calls, over all threads, until the provider is called."""

    def __init__(self) -> None:
        self.visits: list[str] = []
        self.arrived = False
        self._called: set[CodeType] = set()

    def __enter__(self) -> "Way":
        threading.setprofile(self._note)  # of the threads that start from here on
        sys.setprofile(self._note)
        return self

    def __exit__(self, *_error: object) -> None:
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type]

    def _note(self, frame: FrameType, event: str, _argument: Any) -> None:
        code = frame.f_code
        if event != "call" or self.arrived or not code.co_filename.startswith(PACKAGE):
            return
        if code.co_name == "<module>" or code in self._called:
            return
        self._called.add(code)
        file = code.co_filename.removeprefix(PACKAGE)
        if not self.visits or self.visits[-1] != file:
            self.visits.append(file)
        self.arrived = (file, code.co_name) == ARRIVAL

    @property
    def files(self) -> list[str]:
        return list(dict.fromkeys(self.visits))

    def __str__(self) -> str:
        files, visits = self.files, len(self.visits)
        summary = f"{len(files)} files, {visits} visits, {visits - len(files)} returns:"
        listed = " ".join(f"`{file}`" for file in files)
        return f"{summary}\n\n{textwrap.fill(listed, 100, break_on_hyphens=False)}"


def walk() -> Way:
    """Send one message, in the database of the settings."""
    from django.test import Client as Browser

    from vestnik.access.models import ApiKey
    from vestnik.audience.models import Client
    from vestnik.celery import app
    from vestnik.dispatch.models import Message

    Client.objects.create(
        phone_number="79261234567", operator_code="926", tag="way", attributes={"name": "Anna"}
    )
    _, key = ApiKey.objects.issue(name="way", role="operator")
    browser = Browser(headers={"authorization": f"Bearer {key}"})
    app.loader.import_default_modules()
    body = json.dumps(BODY | {"ends_at": "2030-01-01T00:00:00Z"})
    with Way() as way:
        answer = browser.post("/api/v1/mailings/", body, content_type="application/json")
        assert answer.status_code == 201, answer.content
        app.tasks["vestnik.look_at"](answer.json()["id"])
        app.tasks["vestnik.work"]("null")
    assert Message.objects.get().state == "sent"
    assert way.arrived
    return way


def write(way: Way) -> None:
    """Put the list between its marks."""
    marks = re.compile(r"(<!-- way -->\n).*?(<!-- /way -->)", re.DOTALL)
    PAGE.write_text(marks.sub(rf"\g<1>{way}\n\g<2>", PAGE.read_text()))


def main() -> None:
    with Servers() as servers:
        servers.start()
        os.environ |= servers.environ() | ENVIRON | {"VESTNIK_HOME": str(servers.home.path)}
        import django

        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        way = walk()
        sys.stdout.write(f"{way}\n")
        if "--write" in sys.argv:
            write(way)
        sys.stdout.flush()
        servers.close()
        os._exit(0)  # the worker's threads do not end


if __name__ == "__main__":
    main()
