"""Logging in and out."""

from django.contrib.auth.views import LoginView


class Login(LoginView):
    """The one page that is open to everybody."""

    template_name = "dashboard/login.html"
    redirect_authenticated_user = True


login = Login.as_view()
