"""`make way`: the files that one message passes, from `POST /api/v1/mailings/` to its first byte.

The request, the two tasks and the null provider run in this process, once before anything is noted.
`--write` puts the list into docs/architecture.md.
"""

import json
import os
import re
import sys
import textwrap
from pathlib import Path

from tests.architecture.message_trace import Trace, traced
from tests.stack.embedded_servers import Servers

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "architecture.md"
#: Where the message has arrived.
ARRIVAL = "providers/null.py:NullConnection.hand_over_all"
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


def shown(trace: Trace) -> str:
    """The counts, and each file once, in the order in which they are entered."""
    files, visits = trace.files, len(trace.visits)
    summary = f"{len(files)} files, {visits} visits, {visits - len(files)} returns:"
    listed = " ".join(f"`{file}`" for file in files)
    return f"{summary}\n\n{textwrap.fill(listed, 100, break_on_hyphens=False)}"


def walk() -> Trace:
    """Send one message, in the database of the settings."""
    from django.test import Client as Browser

    from tests.builders import make_client
    from vestnik.access.models import ApiKey
    from vestnik.celery import app
    from vestnik.dispatch.models import Message

    make_client(tag="way", attributes={"name": "Anna"})
    _, key = ApiKey.objects.issue(name="way", role="operator")
    browser = Browser(headers={"authorization": f"Bearer {key}"})
    app.loader.import_default_modules()
    body = json.dumps(BODY | {"ends_at": "2030-01-01T00:00:00Z"})

    def send() -> None:
        answer = browser.post("/api/v1/mailings/", body, content_type="application/json")
        assert answer.status_code == 201, answer.content
        app.tasks["vestnik.look_at"](answer.json()["id"])
        app.tasks["vestnik.work"]("null")

    with traced(ARRIVAL) as trace:
        send()
        trace.begin_anew()
        send()
    assert [message.state for message in Message.objects.all()] == ["sent", "sent"]
    assert trace.is_over
    return trace


def write(trace: Trace) -> None:
    """Put the list between its marks."""
    marks = re.compile(r"(<!-- way -->\n).*?(<!-- /way -->)", re.DOTALL)
    PAGE.write_text(marks.sub(rf"\g<1>{shown(trace)}\n\g<2>", PAGE.read_text()))


def main() -> None:
    with Servers() as servers:
        servers.start()
        os.environ |= servers.environ() | ENVIRON | {"VESTNIK_HOME": str(servers.home.path)}
        import django

        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        trace = walk()
        sys.stdout.write(f"{shown(trace)}\n")
        if "--write" in sys.argv:
            write(trace)
        sys.stdout.flush()
        servers.close()
        os._exit(0)  # the worker's threads do not end


if __name__ == "__main__":
    main()
