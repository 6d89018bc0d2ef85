from django.apps import AppConfig


class DispatchConfig(AppConfig):
    name = "vestnik.dispatch"
    verbose_name = "Dispatch"

    def ready(self) -> None:
        pass
