"""The addresses under /clients/."""

from django.urls import path

from vestnik.dashboard.placeholder import soon

urlpatterns = [
    path("", soon, name="client-list"),
    path("import/", soon, name="import-clients"),
    path("audiences/", soon, name="audience-list"),
    path("<int:id>/", soon, name="client-page"),
]
