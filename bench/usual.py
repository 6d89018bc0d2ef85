"""The usual design to compare with: a Celery task for each message.

The task reads the client, hands the text to a provider that discards it, and inserts the message by
the ORM, as most projects do. Its workers are `celery -A bench.usual worker`.
"""

import asyncio
import json
import os
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vestnik.settings")

import django
import smpp34
from celery import Celery
from celery.signals import worker_ready
from django.conf import settings
from django.utils import timezone

# One connection for the life of each worker process, the fastest variant of the usual design.
# Celery would close a pool, as this service uses it, after each task of a prefork worker.
settings.DATABASES["default"]["OPTIONS"].pop("pool")
settings.DATABASES["default"] |= {"CONN_MAX_AGE": None, "CONN_HEALTH_CHECKS": False}

django.setup()

# Models can be imported only after Django is set up.
from vestnik.audience.models import Client  # noqa: E402  (see above)
from vestnik.dispatch.models import Message  # noqa: E402  (see above)

app = Celery("usual")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.update(
    task_default_queue="usual",
    worker_direct=False,
    worker_pool="prefork",
    worker_prefetch_multiplier=4,
)


@worker_ready.connect
def say_ready(**_signal: object) -> None:
    """Print that the worker is ready."""
    print("ready", flush=True)


def hand_over(url: str, client: Client, text: str) -> None:
    """Send to a gateway by a new connection; without a gateway, discard as the null provider
    does."""
    if url.startswith("smpp:"):
        asyncio.run(submit(url, client.phone_number, text))
    elif url:
        post(url, client, text)


def post(url: str, client: Client, text: str) -> None:
    body = json.dumps({"id": client.id, "phone": int(client.phone_number), "text": text})
    request = Request(f"{url}/send/{client.id}", body.encode(), {"Authorization": "Bearer bench"})
    with urlopen(request, timeout=10) as response:
        json.load(response)


async def submit(url: str, phone_number: str, text: str) -> None:
    """Bind, send a message, unbind."""
    address = urlsplit(url)
    smsc = smpp34.Client(
        host=address.hostname,
        port=address.port,
        system_id="bench",
        password="bench",
        bind_type="TRX",
    )
    session = await smsc.connect()
    answer = await session.submit_sm(
        destination_addr=phone_number, source_addr="Vestnik", short_message=text.encode()
    )
    assert answer.is_success, answer
    await session.unbind()
    await smsc.stop()


@app.task(name="usual.send")
def send(mailing_id: int, client_id: int, text: str, url: str = "") -> None:
    client = Client.objects.get(id=client_id)
    hand_over(url, client, text)
    Message.objects.create(
        mailing_id=mailing_id,
        client=client,
        phone_number=client.phone_number,
        state="sent",
        segments=1,
        attempts=1,
        sent_at=timezone.now(),
    )


def enqueue(mailing_id: int, text: str, count: int, url: str = "") -> None:
    """Publish a task for each of the first `count` clients."""
    ids = Client.objects.order_by("id").values_list("id", flat=True)[:count]
    for client_id in ids.iterator():
        send.delay(mailing_id, client_id, text, url)
