"""Stored idempotent responses in Django's admin, read-only."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from vestnik.access.admin import StrictLookups
from vestnik.api.models import IdempotencyRecord


@admin.register(IdempotencyRecord)
class IdempotencyRecordAdmin(StrictLookups):
    """Stored responses by key; only requests create them."""

    list_display = ("key", "api_key", "status", "location", "created_at")
    list_select_related = ("api_key",)
    search_fields = ("key__exact",)
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
