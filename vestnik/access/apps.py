from django.apps import AppConfig


class AccessConfig(AppConfig):
    name = "vestnik.access"
    verbose_name = "Access"
