"""SMSC.ru's HTTP API, as the model of a vendor's adapter."""

from vestnik.providers.smsc.provider import SmscProvider

__all__ = ["SmscProvider"]
