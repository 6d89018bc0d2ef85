from django.apps import AppConfig


class DashboardConfig(AppConfig):
    name = "vestnik.dashboard"
    verbose_name = "Pages"

    def ready(self) -> None:
        from vestnik.dashboard.erasure import blank_unsaved_forms
        from vestnik.dispatch.suppress.erasure import erasing

        erasing.connect(blank_unsaved_forms, dispatch_uid="blank_unsaved_forms")
