from django.apps import AppConfig


class AudienceConfig(AppConfig):
    name = "vestnik.audience"
    verbose_name = "Audience"
