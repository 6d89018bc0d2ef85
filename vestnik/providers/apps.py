from django.apps import AppConfig


class ProvidersConfig(AppConfig):
    name = "vestnik.providers"

    def ready(self) -> None:
        from vestnik.providers import checks  # noqa: F401  (registers the checks)
