"""The addresses under /mailings/."""

from django.urls import path

from vestnik.dashboard.mailings.editing import copy_mailing, edit_mailing, new_mailing
from vestnik.dashboard.mailings.previewing import letters_fragment, preview_fragment
from vestnik.dashboard.placeholder import soon

urlpatterns = [
    path("", soon, name="mailing-list"),
    path("new/", new_mailing, name="new-mailing"),
    path("new/preview/", preview_fragment, name="new-mailing-preview"),
    path("new/letters/", letters_fragment, name="new-mailing-letters"),
    path("<int:id>/edit/", edit_mailing, name="edit-mailing"),
    path("<int:id>/copy/", copy_mailing, name="copy-mailing"),
    path("<int:id>/", soon, name="mailing-page"),
]
