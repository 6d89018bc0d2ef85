from django.apps import AppConfig


class DispatchConfig(AppConfig):
    name = "vestnik.dispatch"
    verbose_name = "Dispatch"

    def ready(self) -> None:
        from vestnik.dispatch import checks  # noqa: F401  (registers the check)
