"""What clients wrote, told to us twice: the second time does nothing."""

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
    """Take what was not taken before. One that has no id of the vendor's is new each time: of two
    that read the same, the second may well be meant.

    The marks are kept in the transaction of what they are about, both or neither. What is queued
    for those who wrote a stop word is taken back after it: somebody may hold it.
    """
    with transaction.atomic():
        listed = list_senders([message for message in messages if _is_new(message)])
    take_back(listed)


def _is_new(message: Inbound) -> bool:
    if not message.key or not is_stop_word(message.text):
        return True
    said = "\0".join((message.alias, message.key, message.phone_number, message.text))
    digest = hmac.digest(settings.SECRET_KEY.encode(), said.encode(), hashlib.sha256).hex()
    return TakenInbound.objects.get_or_create(digest=digest)[1]
