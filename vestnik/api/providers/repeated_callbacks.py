"""Recognises repeated callbacks with texts of clients, so that the repetition has no effect."""

import hashlib
import hmac
from collections.abc import Sequence

from django.conf import settings
from django.db import transaction

from vestnik.api.models import TakenInbound
from vestnik.audience.stop_words import is_stop_word
from vestnik.dispatch.suppress.opt_out import list_senders, take_back
from vestnik.providers.base import Inbound


def record_new_inbound(messages: Sequence[Inbound]) -> None:
    """Process the messages that were not processed before.

    A message without an id of the vendor is always new: of two equal texts the second may be
    intended. The digests are stored in the transaction that puts numbers on the stop list. Queued
    messages of these numbers are taken back after it, since another transaction may hold them.
    """
    with transaction.atomic():
        listed = list_senders([message for message in messages if _is_new(message)])
    take_back(listed)


def _is_new(message: Inbound) -> bool:
    if not message.key or not is_stop_word(message.text):
        return True
    said = "\0".join((message.alias, message.key, message.phone_number, message.text))
    octets = said.encode("utf-8", "surrogatepass")  # the id is not stored, so it may be any text
    digest = hmac.digest(settings.SECRET_KEY.encode(), octets, hashlib.sha256).hex()
    return TakenInbound.objects.get_or_create(digest=digest)[1]
