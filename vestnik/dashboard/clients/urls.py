"""The addresses under /clients/."""

from django.urls import path

from vestnik.dashboard.clients import audiences
from vestnik.dashboard.placeholder import soon

urlpatterns = [
    path("", soon, name="client-list"),
    path("import/", soon, name="import-clients"),
    path("audiences/", audiences.audience_list, name="audience-list"),
    path("audiences/new/", audiences.new_audience, name="new-audience"),
    path("audiences/builder/", audiences.audience_builder, name="audience-builder"),
    path("audiences/count/", audiences.filter_count, name="audience-filter-count"),
    path("audiences/<int:id>/", audiences.edit_audience, name="edit-audience"),
    path("audiences/<int:id>/count/", audiences.audience_count, name="audience-count"),
    path("audiences/<int:id>/delete/", audiences.delete_audience, name="delete-audience"),
    path("<int:id>/", soon, name="client-page"),
]
