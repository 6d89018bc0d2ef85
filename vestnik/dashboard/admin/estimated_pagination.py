"""Pagination of large tables in Django's admin, without counting or reading them whole."""

from functools import cached_property
from typing import Any

from django.core.paginator import Paginator
from django.db import connection
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from vestnik.access.admin import StrictLookups

#: Beyond this number an exact count is not worth its time.
COUNTED = 10_000
# The planner's estimate; -1 if the table was never analysed.
ESTIMATE = "SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = %s::regclass"


class EstimatingPaginator(Paginator):
    """Counts up to 10,000 rows; beyond that it uses the planner's estimate."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        counted = int(rows[: COUNTED + 1].count())
        # The estimate is of the whole table, so it is useless with a filter.
        if counted <= COUNTED or rows.query.has_filters():
            return counted
        return max(counted, _estimate(rows))


def _estimate(rows: QuerySet[Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(ESTIMATE, [rows.model._meta.db_table])
        return int(cursor.fetchone()[0])


class LargeAdmin(StrictLookups):
    """A model admin for a large table, newest rows first."""

    paginator = EstimatingPaginator
    show_full_result_count = False
    list_per_page = 50
    ordering = ("-id",)


class ReadOnlyAdmin(LargeAdmin):
    """A read-only model admin: only the pipeline creates and changes these rows."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False
