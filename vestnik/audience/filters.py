"""The audience filter: which clients a mailing is for.

A filter is `{"operator_codes": [...], "tags": [...]}`. Values of one kind are alternatives, kinds
narrow each other, and `{}` is everyone.
"""

from collections.abc import Mapping, Sequence

from django.db.models import QuerySet

from vestnik.audience.models import Client

Filter = Mapping[str, Sequence[str]]


def matching(audience: Filter) -> QuerySet[Client]:
    """The clients that `audience` selects, in no particular order."""
    clients = Client.objects.order_by()
    if codes := audience.get("operator_codes"):
        clients = clients.filter(operator_code__in=list(codes))
    if tags := audience.get("tags"):
        clients = clients.filter(tag__in=list(tags))
    return clients
