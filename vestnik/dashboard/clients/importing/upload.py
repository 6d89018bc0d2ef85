"""The first step: the upload of a file. Also lists earlier imports."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from vestnik.access.roles import Action, may
from vestnik.audience.importing import stored
from vestnik.audience.importing.errors import FileProblem
from vestnik.audience.importing.formats import MOST_BYTES
from vestnik.audience.importing.options import Options
from vestnik.audience.importing.peek import peek
from vestnik.audience.imports import Import, ImportState, Into
from vestnik.dashboard.web.decorators import ANY, OperatorRequest, actor, forbidden, page
from vestnik.dashboard.web.paging import paginate
from vestnik.dashboard.wording.reasons import said
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

MIB = 2**20
LONGEST_FILE_NAME = 255
EARLIER = 20


class UploadForm(forms.Form):
    """A file, and the target of its numbers."""

    into = forms.ChoiceField(
        choices=[
            (Into.CLIENTS, gettext_lazy("to the clients")),
            (Into.STOP_LIST, gettext_lazy("onto the stop list")),
        ],
        initial=Into.CLIENTS,
        widget=forms.RadioSelect,
        label=gettext_lazy("Where the numbers go"),
    )
    file = forms.FileField(
        allow_empty_file=True,
        label=gettext_lazy("File"),
        widget=forms.FileInput(attrs={"accept": ".csv,.txt,.tsv,.xlsx"}),
    )

    def clean_file(self) -> Any:
        if len(self.files.getlist("file")) > 1:
            raise ValidationError(_("These are several files. Choose one file at a time."))
        file: UploadedFile = self.cleaned_data["file"]
        if (file.size or 0) > MOST_BYTES:
            raise ValidationError(said(Reason(Code.FILE_TOO_LARGE, most=MOST_BYTES // MIB)))
        try:
            self.found = peek(file, Options())
        except FileProblem as error:
            raise ValidationError(said(error.reason)) from None
        return file


@page(methods=ANY)
def import_clients(request: OperatorRequest) -> HttpResponse:
    """Show the upload form; a POST stores the file as a draft."""
    if request.method != "POST":
        into = request.GET.get("into")
        return _shown(request, UploadForm(initial={"into": into if into in Into else Into.CLIENTS}))
    # GET is for all roles, so a POST checks the permission here.
    if not may(request.user.role, Action.SEND):
        return forbidden(request, Action.SEND)
    form = UploadForm(request.POST, request.FILES)
    if not form.is_valid():
        return _shown(request, form, status=422)
    return redirect("import-page", _kept(request, form).id)


def _kept(request: OperatorRequest, form: UploadForm) -> Import:
    """Store the file with its detected encoding and separator."""
    file, peeked = form.cleaned_data["file"], form.found
    # Detected once, here: it takes reading the whole file.
    options = {"encoding": peeked.encoding, "separator": peeked.separator, "mapping": {}}
    return stored.store(
        file,
        state=ImportState.DRAFT,
        file_name=(file.name or _("no name"))[:LONGEST_FILE_NAME],
        into=form.cleaned_data["into"],
        options=options,
        actor=actor(request),
    )


def _shown(request: OperatorRequest, form: UploadForm, status: int = 200) -> HttpResponse:
    jobs: QuerySet[Import] = Import.objects.all()
    context = {
        "section": "client-list",
        "form": form,
        "most": MOST_BYTES // MIB,
        "listed": paginate(
            request, lambda keyset: keyset.take(jobs), newest_first=True, size=EARLIER
        ),
    }
    return render(request, "dashboard/clients/importing/upload.html", context, status=status)
