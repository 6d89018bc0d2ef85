"""The URLs under /mailings/."""

from django.urls import path

from vestnik.dashboard.mailings.actions.changes import change_mailing
from vestnik.dashboard.mailings.actions.follow_up import follow_up
from vestnik.dashboard.mailings.actions.new_text import new_text
from vestnik.dashboard.mailings.actions.unknown import UNKNOWN_CHOICES, resolve_unknown
from vestnik.dashboard.mailings.actions.views import ACTIONS, change_state, waiting_mailing
from vestnik.dashboard.mailings.detail.breakdowns import breakdown
from vestnik.dashboard.mailings.detail.downloads import messages_file, statistics_file
from vestnik.dashboard.mailings.detail.views import mailing_page
from vestnik.dashboard.mailings.edit.preview import preview_fragment, segments_fragment
from vestnik.dashboard.mailings.edit.views import copy_mailing, edit_mailing, new_mailing
from vestnik.dashboard.mailings.listing import mailing_list
from vestnik.dashboard.mailings.report.views import report, report_file

urlpatterns = [
    path("", mailing_list, name="mailing-list"),
    path("new/", new_mailing, name="new-mailing"),
    path("new/preview/", preview_fragment, name="new-mailing-preview"),
    path("new/letters/", segments_fragment),  # pages that the version before made
    path("new/segments/", segments_fragment, name="new-mailing-segments"),
    path("<int:id>/", mailing_page, name="mailing-page"),
    path("<int:id>/edit/", edit_mailing, name="edit-mailing"),
    path("<int:id>/look/", waiting_mailing, name="waiting-mailing"),
    path("<int:id>/copy/", copy_mailing, name="copy-mailing"),
    path("<int:id>/change/", change_mailing, name="change-mailing"),
    path("<int:id>/text/", new_text, name="new-text"),
    path("<int:id>/again/", follow_up, name="follow-up"),
    path("<int:id>/breakdown/", breakdown, name="mailing-breakdown"),
    path("<int:id>/messages/export/", messages_file, name="mailing-messages-file"),
    path("<int:id>/statistics/export/", statistics_file, name="mailing-statistics-file"),
    path("<int:id>/report/", report, name="mailing-report"),
    path("<int:id>/report.html", report_file, name="mailing-report-file"),
    *(
        path(f"<int:id>/{action}/", change_state, {"action": action}, name=f"{action}-mailing")
        for action in ACTIONS
    ),
    *(
        path(
            f"<int:id>/unknown/{choice}/",
            resolve_unknown,
            {"choice": choice},
            name=f"unknown-{choice}",
        )
        for choice in UNKNOWN_CHOICES
    ),
]
