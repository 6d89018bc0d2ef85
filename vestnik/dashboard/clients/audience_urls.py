"""The URLs under /clients/audiences/."""

from django.urls import path

from vestnik.dashboard.clients import audiences

urlpatterns = [
    path("", audiences.audience_list, name="audience-list"),
    path("new/", audiences.new_audience, name="new-audience"),
    path("builder/", audiences.audience_builder, name="audience-builder"),
    path("count/", audiences.filter_count, name="audience-filter-count"),
    path("<int:id>/", audiences.edit_audience, name="edit-audience"),
    path("<int:id>/count/", audiences.audience_count, name="audience-count"),
    path("<int:id>/delete/", audiences.delete_audience, name="delete-audience"),
]
