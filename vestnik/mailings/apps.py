from django.apps import AppConfig


class MailingsConfig(AppConfig):
    name = "vestnik.mailings"
    verbose_name = "Mailings"
