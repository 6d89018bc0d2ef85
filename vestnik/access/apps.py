from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in


class AccessConfig(AppConfig):
    name = "vestnik.access"
    verbose_name = "Access"

    def ready(self) -> None:
        from vestnik.access.sessions import note_login

        user_logged_in.connect(note_login, dispatch_uid="note_login")
