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

#: Of a user, what a page of the admin may change: of groups and permissions it has a list.
ONE_COLUMN = frozenset(
    (
        *("username", "first_name", "last_name", "email", "role"),
        *("is_active", "is_staff", "is_superuser"),
    )
)
ONCE = "The key is {plain} – copy it now, it is shown only this once."
LAST_ADMIN = "This is the last admin: make somebody else an admin first."


class StrictLookups(admin.ModelAdmin):
    """Rows are narrowed by the filters of the page alone.

    Django lets an address ask for any column, also of related tables: letter by letter, whoever may
    look at users could read the keys of their sessions.
    """

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        return lookup.partition("__")[0] in self._filters() and lookup.count("__") <= 1

    def _filters(self) -> set[str]:
        """By name, and those of a class by their parameter."""
        return {"id", "pk", *(str(getattr(f, "parameter_name", f)) for f in self.list_filter)}


def carry_initial(form: forms.BaseForm, names: Iterable[str]) -> None:
    """Have the page carry what it shows in these fields: only what differs from it is a change.

    What is sent without it is compared with the row of now.
    """
    for name in set(names) & set(form.fields):
        is_sent = form.add_initial_prefix(name) in form.data
        form.fields[name].show_hidden_initial = is_sent or not form.is_bound


class RoleUserForm(UserChangeForm):
    """The last admin stays one, here as in the pages. Only what was changed on the page is saved:
    a role that another has taken away meanwhile does not come back."""

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
    """Django's own page, with the role. Nobody is deleted: what they did is on record."""

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
    """Django's own page of groups, through which users are not looked up."""


class ApiKeyForm(forms.ModelForm):
    """Name and role; the key itself is made, never typed."""

    name = OneLine(max_length=100)

    class Meta:
        model = ApiKey
        fields = ("name", "role")


@admin.register(ApiKey)
class ApiKeyAdmin(StrictLookups):
    """Keys are issued and revoked; nobody can read one again."""

    form = ApiKeyForm
    list_display = ("name", "role", "hint", "created_at", "last_used_at", "revoked_at")
    list_filter = ("role",)
    search_fields = ("name",)
    readonly_fields = ("hint", "created_at", "last_used_at", "revoked_at")
    actions = ("revoke",)

    def get_readonly_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> Any:
        """The role of a key is for good: whoever holds it was told what it may do."""
        return ("role", *self.readonly_fields) if obj else self.readonly_fields

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        if change:
            obj.save(update_fields={"name"} & set(form.changed_data))
            return
        made, plain = ApiKey.objects.issue(name=obj.name, role=obj.role)
        obj.__dict__.update(made.__dict__)
        messages.warning(request, ONCE.format(plain=plain))

    @admin.action(description="Revoke the selected keys", permissions=["change"])
    def revoke(self, request: HttpRequest, keys: QuerySet[ApiKey]) -> None:
        """From now on the keys are refused; what they did stays on record."""
        revoked = keys.filter(revoked_at=None).update(revoked_at=Now())
        messages.success(request, f"Revoked: {revoked}.")
