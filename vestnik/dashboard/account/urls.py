"""The addresses of a user's own pages."""

from django.urls import path

from vestnik.dashboard.account import page

urlpatterns = [
    path("", page.account, name="account"),
    path("password/", page.change_password, name="change-password"),
    path("sessions/end-others/", page.end_other_sessions, name="end-other-sessions"),
    path("sessions/<str:mark>/end/", page.end_session, name="end-session"),
]
