"""The URLs of the user's own account."""

from django.urls import path

from vestnik.dashboard.account import profile

urlpatterns = [
    path("", profile.account, name="account"),
    path("password/", profile.change_password, name="change-password"),
    path("sessions/end-others/", profile.end_other_sessions, name="end-other-sessions"),
    path("sessions/<str:mark>/end/", profile.end_session, name="end-session"),
]
