from django.apps import AppConfig


class ReportsConfig(AppConfig):
    name = "vestnik.reports"
    verbose_name = "Reports"
