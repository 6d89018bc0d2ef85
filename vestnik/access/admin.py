"""Users and API keys in Django's admin."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.forms import UserChangeForm
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest

from vestnik.access.models import ApiKey, User
from vestnik.access.roles import Role
from vestnik.access.users import LastAdmin, keep_an_admin
from vestnik.one_line import OneLine

#: The columns of a user that the admin's form may change; groups and permissions are related rows
#: and are saved apart.
ONE_COLUMN = frozenset(
    (
        *("username", "first_name", "last_name", "email", "role"),
        *("is_active", "is_staff", "is_superuser"),
    )
)
ONCE = "The key is {plain} – copy it now, it is shown only this once."
LAST_ADMIN = "This is the last admin: make another user an admin first."


class StrictLookups(admin.ModelAdmin):
    """A model admin whose rows are narrowed only by its own filters.

    Django's default allows an address to filter by any column, also of related tables: a user who
    may list users could read the keys of their sessions letter by letter.
    """

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        return lookup.partition("__")[0] in self._filters() and lookup.count("__") <= 1

    def _filters(self) -> set[str]:
        """Return the names of the filters; of a filter class, its query parameter."""
        return {"id", "pk", *(str(getattr(f, "parameter_name", f)) for f in self.list_filter)}


def carry_initial(form: forms.BaseForm, names: Iterable[str]) -> None:
    """Add hidden initial values to these fields, so that only what the user edited counts as
    changed.

    A field that is sent without its initial value is compared with the current row.
    """
    for name in set(names) & set(form.fields):
        is_sent = form.add_initial_prefix(name) in form.data
        # Without this, a form that was opened an hour ago would write back columns that another
        # admin has changed since.
        form.fields[name].show_hidden_initial = is_sent or not form.is_bound


class RoleUserForm(UserChangeForm):
    """The form of a user; it keeps the last admin an admin, as the dashboard does.

    Only edited fields are saved: a role that another admin removed in the meantime is not restored.
    """

    first_name = OneLine(required=False, max_length=150)
    last_name = OneLine(required=False, max_length=150)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        carry_initial(self, ONE_COLUMN)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if cleaned.get("role") != Role.ADMIN or not cleaned.get("is_active"):
            try:
                keep_an_admin(self.instance)
            except LastAdmin:
                raise ValidationError(LAST_ADMIN) from None
        return cleaned


@admin.register(User)
class RoleUserAdmin(StrictLookups, UserAdmin):
    """Django's page of users, with the role.

    Users cannot be deleted: the events of mailings name them.
    """

    form = RoleUserForm
    list_display = ("username", "role", "is_staff", "is_active", "last_login")
    list_filter = ("role", "is_staff", "is_active")
    fieldsets = (("Vestnik", {"fields": ("role",)}), *(UserAdmin.fieldsets or ()))
    add_fieldsets = (*UserAdmin.add_fieldsets, ("Vestnik", {"fields": ("role", "is_staff")}))

    readonly_fields = ("last_login", "date_joined")

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        if change:
            obj.save(update_fields=ONE_COLUMN & set(form.changed_data))
        else:
            super().save_model(request, obj, form, change)


admin.site.unregister(Group)


@admin.register(Group)
class StrictGroupAdmin(StrictLookups, GroupAdmin):
    """Django's page of groups, without lookups across to users."""


class ApiKeyForm(forms.ModelForm):
    """Name and role of a key; the key itself is generated."""

    name = OneLine(max_length=100)

    class Meta:
        model = ApiKey
        fields = ("name", "role")


@admin.register(ApiKey)
class ApiKeyAdmin(StrictLookups):
    """Issues and revokes keys. A key is shown once, when it is issued."""

    form = ApiKeyForm
    list_display = ("name", "role", "hint", "created_at", "last_used_at", "revoked_at")
    list_filter = ("role",)
    search_fields = ("name",)
    readonly_fields = ("hint", "created_at", "last_used_at", "revoked_at")
    actions = ("revoke",)

    def get_readonly_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> Any:
        """Return the read-only fields; an issued key keeps its role."""
        # A program was given the key for what the role allows; a change would be silent for it.
        return ("role", *self.readonly_fields) if obj else self.readonly_fields

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        if change:
            obj.save(update_fields={"name"} & set(form.changed_data))
            return
        key, plain = ApiKey.objects.issue(name=obj.name, role=obj.role)
        obj.__dict__.update(key.__dict__)
        messages.warning(request, ONCE.format(plain=plain))

    @admin.action(description="Revoke the selected keys", permissions=["change"])
    def revoke(self, request: HttpRequest, keys: QuerySet[ApiKey]) -> None:
        """Revoke the keys; their rows stay, for the record of what they did."""
        revoked = keys.filter(revoked_at=None).update(revoked_at=Now())
        messages.success(request, f"Revoked: {revoked}.")
