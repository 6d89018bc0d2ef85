"""Walking a long list by id: from where, which way, and how far."""

from dataclasses import dataclass, replace
from typing import Any, TypeVar

from django.db.models import Model, Q, QuerySet

Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True)
class Walk:
    """Up to `limit` rows beyond the id `beyond`, or from the end of the list where it is None."""

    ascending: bool
    beyond: int | None
    limit: int

    @property
    def order(self) -> str:
        return "id" if self.ascending else "-id"

    def ahead(self) -> Q:
        """The ids that the walk has still to see."""
        if self.beyond is None:
            return Q()
        return Q(id__gt=self.beyond) if self.ascending else Q(id__lt=self.beyond)

    def up_to(self, reach: int | None) -> Q:
        """The ids that are not beyond `reach`; None bounds nothing."""
        if reach is None:
            return Q()
        return Q(id__lte=reach) if self.ascending else Q(id__gte=reach)

    def take(self, rows: QuerySet[Row, Any]) -> list[Row]:
        """The rows of the walk, in its order."""
        return list(rows.filter(self.ahead()).order_by(self.order)[: self.limit])

    def on(self, beyond: int, taken: int) -> "Walk":
        """The rest of the walk."""
        return replace(self, beyond=beyond, limit=self.limit - taken)
