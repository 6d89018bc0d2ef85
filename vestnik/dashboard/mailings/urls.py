"""The addresses under /mailings/."""

from django.urls import path

from vestnik.dashboard.placeholder import soon

urlpatterns = [
    path("", soon, name="mailing-list"),
    path("new/", soon, name="new-mailing"),
    path("<int:id>/", soon, name="mailing-page"),
]
