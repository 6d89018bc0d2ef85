"""The `vestnik` command."""

from vestnik.cli.main import main, script

__all__ = ["main", "script"]
