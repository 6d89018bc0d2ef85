"""The URLs of the dashboard."""

from django.urls import include, path
from django.views.i18n import set_language

from vestnik.dashboard.account.login import login, logout
from vestnik.dashboard.live.views import live, live_import, live_mailing, live_overview
from vestnik.dashboard.overview import overview
from vestnik.dashboard.web.preferences import set_theme

urlpatterns = [
    path("", overview, name="overview"),
    path("live/", live, name="live"),
    path("live/imports/<int:id>/", live_import, name="live-import"),
    path("live/overview/", live_overview, name="live-overview"),
    path("live/mailings/<int:id>/", live_mailing, name="live-mailing"),
    path("preferences/language/", set_language, name="set_language"),
    path("preferences/theme/", set_theme, name="set-theme"),
    path("mailings/", include("vestnik.dashboard.mailings.urls")),
    path("", include("vestnik.dashboard.clients.urls")),
    path("settings/", include("vestnik.dashboard.settings.urls")),
    path("account/", include("vestnik.dashboard.account.urls")),
    path("login/", login, name="login"),
    path("logout/", logout, name="logout"),
]
