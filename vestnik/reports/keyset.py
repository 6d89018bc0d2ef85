"""Keyset pagination: read a long list by id from a position, in one direction."""

from dataclasses import dataclass, replace
from typing import Any, TypeVar

from django.db.models import Model, Q, QuerySet

Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True)
class Keyset:
    """Up to `limit` rows after the id `after_id`, or from the start of the list if it is None."""

    ascending: bool
    after_id: int | None
    limit: int

    @property
    def order(self) -> str:
        return "id" if self.ascending else "-id"

    def remaining(self) -> Q:
        """Return the condition for ids that are not read yet."""
        if self.after_id is None:
            return Q()
        return Q(id__gt=self.after_id) if self.ascending else Q(id__lt=self.after_id)

    def up_to(self, reach: int | None) -> Q:
        """Return the condition for ids up to `reach`; None sets no bound."""
        if reach is None:
            return Q()
        return Q(id__lte=reach) if self.ascending else Q(id__gte=reach)

    def take(self, rows: QuerySet[Row, Any]) -> list[Row]:
        """Return the rows in the order of the keyset."""
        return list(rows.filter(self.remaining()).order_by(self.order)[: self.limit])

    def advance(self, after_id: int, taken: int) -> "Keyset":
        """Return the keyset of the rows that remain."""
        return replace(self, after_id=after_id, limit=self.limit - taken)
