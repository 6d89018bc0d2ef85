"""The forms of users: name, password and role."""

from typing import Any

from django import forms
from django.contrib.auth.forms import UsernameField
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from vestnik.access.models import User
from vestnik.dashboard.web.form_idempotency import IdempotentForm
from vestnik.dashboard.wording.state_labels import ROLES


class PasswordForm(forms.Form):
    """A password that is typed, or generated if the field is empty."""

    password = forms.CharField(
        label=gettext_lazy("Password"),
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def __init__(self, *args: Any, user: User | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if typed := cleaned.get("password"):
            try:
                validate_password(typed, self.user or User(username=cleaned.get("username", "")))
            except ValidationError as error:
                self.add_error("password", error)
        return cleaned


class NewUserForm(IdempotentForm, PasswordForm):
    """A new user."""

    username = UsernameField(
        label=gettext_lazy("User name"),
        max_length=150,
        validators=[User.username_validator],
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none"}),
    )
    role = forms.ChoiceField(label=gettext_lazy("Role"), choices=list(ROLES.items()))

    def clean_username(self) -> str:
        username: str = self.cleaned_data["username"]
        if User.objects.filter(username__iexact=username).exists():
            raise ValidationError(_("There is a user of this name already."))
        return username


class OtherPasswordForm(IdempotentForm, PasswordForm):
    """A new password for a user."""


class RoleForm(forms.ModelForm):
    """The role of a user."""

    role = forms.ChoiceField(label=gettext_lazy("Role"), choices=list(ROLES.items()))

    class Meta:
        model = User
        fields = ("role",)
