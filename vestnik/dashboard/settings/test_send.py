"""The test send of a provider: one message to one number."""

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from vestnik.access.roles import Action
from vestnik.audience.phone import validate_phone_number
from vestnik.audience.phone_parsing import normalised
from vestnik.dashboard.settings.tabs import show
from vestnik.dashboard.web.decorators import OperatorRequest, actor, page
from vestnik.dashboard.web.form_idempotency import (
    ALREADY_SUBMITTED,
    IdempotentForm,
    TokenAlreadyUsed,
    canonical_content,
    create_once,
    new_token,
)
from vestnik.dashboard.web.kept_forms import clear_restored_errors, submitted_or_restored
from vestnik.dispatch.prepare.test_send import send_test
from vestnik.mailings.models import Mailing
from vestnik.mailings.rules import validate_text
from vestnik.mailings.text import least_segments_of, parse
from vestnik.providers.registry import aliases, describe


class TestSendForm(IdempotentForm):
    """The number and the text."""

    phone_number = forms.CharField(
        label=gettext_lazy("Phone number"),
        max_length=40,
        widget=forms.TextInput(attrs={"type": "tel", "autocomplete": "tel"}),
    )
    text = forms.CharField(
        label=gettext_lazy("Text"), max_length=500, widget=forms.Textarea(attrs={"rows": 3})
    )

    def clean_phone_number(self) -> str:
        typed: str = self.cleaned_data["phone_number"]
        number = normalised(typed) or typed
        validate_phone_number(number)
        return number

    def clean_text(self) -> str:
        return validate_text(self.cleaned_data["text"])

    def send(self, alias: str, content: str, actor: str) -> int | None:
        """Send it and return the test's mailing id; None if the form has errors."""
        text = self.cleaned_data["text"]
        segments = least_segments_of(parse(text))
        mailing = Mailing(text=text, provider=alias, filter={}, segments=segments)

        def make() -> int:
            return send_test(mailing, [self.cleaned_data["phone_number"]], actor).mailing.id

        try:
            return create_once(self.submitted_token, make, content)[0]
        except ValidationError as error:
            self.add_error(None, ValidationError(error.messages))
        except TokenAlreadyUsed:
            self.require_resubmission(str(ALREADY_SUBMITTED))
        return None


@page(Action.SEND, keeps=True)
def test_provider(request: OperatorRequest, alias: str) -> HttpResponse:
    """GET shows what a test does; POST sends it and shows its progress."""
    if alias not in aliases():
        raise Http404
    initial = {"text": _("A test message of Vestnik."), "token": new_token()}
    form = TestSendForm(submitted_or_restored(request), initial=initial)
    clear_restored_errors(request, form)
    is_right = request.method == "POST" and form.is_valid()
    if is_right and (id := form.send(alias, canonical_content(request.POST), actor(request))):
        messages.success(request, _("The test is being sent: this page shows its progress."))
        return redirect("mailing-page", id)
    context = {"form": form, "alias": alias, "provider": describe(alias)}
    return show(request, "settings", "test_provider", context)
