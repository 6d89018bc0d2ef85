"""A mailing's messages and its statistics as files."""

from django import forms
from django.http import Http404, HttpResponseBase

from vestnik.dashboard.mailings.detail.messages import MessageFilter
from vestnik.dashboard.mailings.lookups import mailing_or_404
from vestnik.dashboard.web.decorators import OperatorRequest, page
from vestnik.dashboard.wording.readable_tables import is_for_people, messages, statistics
from vestnik.reports.files import exports
from vestnik.reports.files.downloads import FORMATS, download


class DownloadForm(forms.Form):
    """The format of the file."""

    format = forms.ChoiceField(required=False, choices=[(form, form) for form in FORMATS])

    @classmethod
    def requested_format(cls, request: OperatorRequest) -> str:
        """Return the requested format; CSV by default."""
        form = cls(request.GET)
        form.is_valid()
        return form.cleaned_data.get("format") or "csv"


@page()
def messages_file(request: OperatorRequest, id: int) -> HttpResponseBase:
    """Export the messages: all, or those that the page's filter shows."""
    mailing = mailing_or_404(id)
    message_filter = MessageFilter.read(request.GET)
    if message_filter.errors:  # an invalid state must not select all states
        raise Http404
    table = exports.of_mailing(mailing, message_filter.chosen or None, message_filter.digits)
    if is_for_people(request):
        table = messages(table)
    return download(f"mailing-{id}-messages", DownloadForm.requested_format(request), table)


@page()
def statistics_file(request: OperatorRequest, id: int) -> HttpResponseBase:
    """Export the mailing's statistics."""
    table, form = exports.statistics_of(mailing_or_404(id)), DownloadForm.requested_format(request)
    if is_for_people(request):
        table = statistics(table, form)
    return download(f"mailing-{id}-statistics", form, table)
