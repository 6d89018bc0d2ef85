from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "vestnik.api"
    verbose_name = "API"

    def ready(self) -> None:
        from vestnik.api.clients.erasure import forget_elsewhere
        from vestnik.dispatch.suppress.erasure import erasing

        erasing.connect(forget_elsewhere, dispatch_uid="forget_elsewhere")
