from django.apps import AppConfig


class DashboardConfig(AppConfig):
    name = "vestnik.dashboard"
    verbose_name = "Pages"
