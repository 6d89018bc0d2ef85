"""The URL configuration."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path, re_path

from vestnik.api.http.schema import Docs, schema
from vestnik.api.http.views import UnknownAddress
from vestnik.api.ops.health import livez, readyz
from vestnik.api.ops.metrics import Metrics
from vestnik.dashboard.account.login import admin_login

handler400 = "vestnik.error_handlers.bad_request"
handler403 = "vestnik.error_handlers.forbidden"
handler404 = "vestnik.error_handlers.not_found"
handler500 = "vestnik.error_handlers.server_error"

urlpatterns: list[URLPattern | URLResolver] = [
    path("livez", livez, name="livez"),
    path("readyz", readyz, name="readyz"),
    path("metrics", Metrics.as_view(), name="metrics"),
    path("docs/", Docs.as_view(), name="docs"),
    path("api/schema/", schema, name="schema"),
    path("api/v1/", include("vestnik.api.urls")),
    re_path(r"^api/(?P<rest>.*)$", UnknownAddress.as_view(), name="nowhere"),
    path("admin/login/", admin_login),
    path("admin/", admin.site.urls),
    path("", include("vestnik.dashboard.urls")),
]
