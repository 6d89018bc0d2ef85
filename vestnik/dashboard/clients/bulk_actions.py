"""The actions on many clients, on one chunk of them at a time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy, ngettext

from vestnik.access.roles import Action
from vestnik.audience.models import Client, StopListEntry
from vestnik.audience.stop_list import Source
from vestnik.dashboard.templatetags.vestnik import number
from vestnik.db.errors import retry_on_conflict
from vestnik.dispatch.suppress.opt_out import stop_numbers
from vestnik.dispatch.suppress.revocation import delete_clients


@retry_on_conflict
def _tag(ids: Sequence[int], data: dict[str, Any]) -> int:
    with transaction.atomic():
        locked = Client.objects.select_for_update().filter(id__in=ids).order_by("phone_number")
        locked_ids = [client.id for client in locked]
        return Client.objects.filter(id__in=locked_ids).update(tag=data["new_tag"])


def _stop(ids: Sequence[int], data: dict[str, Any]) -> int:
    numbers = list(Client.objects.filter(id__in=ids).values_list("phone_number", flat=True))
    stop_numbers(numbers, Source.PAGES, data["reason"])
    return len(numbers)


def _delete(ids: Sequence[int], _data: dict[str, Any]) -> int:
    return delete_clients(ids)


def _tagged_text(count: int) -> str:
    text = ngettext("%(count)s client is tagged.", "%(count)s clients are tagged.", count)
    return text % {"count": number(count)}


def _stopped_text(count: int) -> str:
    text = ngettext(
        "%(count)s client is on the stop list.", "%(count)s clients are on the stop list.", count
    )
    return text % {"count": number(count)}


def _deleted_text(count: int) -> str:
    text = ngettext("%(count)s client is deleted.", "%(count)s clients are deleted.", count)
    return text % {"count": number(count)}


def _with_the_tag(clients: QuerySet[Client], data: dict[str, Any]) -> QuerySet[Client]:
    return clients.filter(tag=data["new_tag"])


def _on_the_list(clients: QuerySet[Client], _data: dict[str, Any]) -> QuerySet[Client]:
    return clients.filter(phone_number__in=StopListEntry.objects.values("phone_number"))


def _none(clients: QuerySet[Client], _data: dict[str, Any]) -> QuerySet[Client]:
    return clients.none()


@dataclass(frozen=True)
class BulkAction:
    """An action on a chunk of clients: its label, permission, function and success message.

    `done` selects the clients who need no change. A repeated action skips them, and so continues
    where the first one ran out of time.
    """

    label: Promise
    needs: Action
    run: Callable[[Sequence[int], dict[str, Any]], int]
    success_text: Callable[[int], str]
    done: Callable[[QuerySet[Client], dict[str, Any]], QuerySet[Client]] = _none


BULK_ACTIONS = {
    "tag": BulkAction(
        gettext_lazy("Change the tag"), Action.SEND, _tag, _tagged_text, _with_the_tag
    ),
    "stop": BulkAction(
        gettext_lazy("Put on the stop list"), Action.SEND, _stop, _stopped_text, _on_the_list
    ),
    "delete": BulkAction(gettext_lazy("Delete"), Action.MANAGE, _delete, _deleted_text),
}
