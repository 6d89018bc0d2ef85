"""Django's admin, for support.

It is above the reports and the pipeline in the layers, so that it shows the same states and makes
the same transitions.
"""

from vestnik.dashboard.admin import batches, clients, mailings, messages

# Importing the modules registers the models.
__all__ = ["batches", "clients", "mailings", "messages"]
