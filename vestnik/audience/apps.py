from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AudienceConfig(AppConfig):
    name = "vestnik.audience"
    verbose_name = "Audience"

    def ready(self) -> None:
        post_migrate.connect(_load_shipped_numbering, sender=self)


def _load_shipped_numbering(apps: Any = None, **_: Any) -> None:
    """Load the shipped numbering register after each migration."""
    # A flush of tests names no apps; what it removes is loaded at the next start.
    if apps is None:
        return
    from vestnik.audience.numbering import register

    try:
        apps.get_model("audience", "NumberingRegister")
    except LookupError:
        return  # migrated back to a version without the table
    register.load_shipped()
