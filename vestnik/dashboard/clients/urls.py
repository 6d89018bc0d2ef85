"""The URLs under /clients/ and /stop-list/."""

from django.urls import include, path

from vestnik.dashboard.clients import bulk, detail, editing, listing, opt_out, stop_list
from vestnik.dashboard.clients.importing import job, upload

urlpatterns = [
    path("clients/", listing.client_list, name="client-list"),
    path("clients/export/", listing.client_export, name="client-export"),
    path("clients/bulk/", bulk.client_bulk, name="client-bulk"),
    path("clients/add/", editing.client_add, name="client-add"),
    path("clients/import/", upload.import_clients, name="import-clients"),
    path("clients/imports/<int:id>/", job.import_page, name="import-page"),
    path("clients/imports/<int:id>/refused/", job.import_refused, name="import-refused"),
    path("clients/audiences/", include("vestnik.dashboard.clients.audience_urls")),
    path("clients/<int:id>/", detail.client_page, name="client-page"),
    path("clients/<int:id>/edit/", editing.client_edit, name="client-edit"),
    path("clients/<int:id>/stop/", opt_out.client_stop, name="client-stop"),
    path("clients/<int:id>/erase/", opt_out.client_erase, name="client-erase"),
    path("stop-list/", stop_list.stop_list, name="stop-list-page"),
    path("stop-list/<int:id>/remove/", stop_list.remove, name="stop-list-remove"),
]
