"""Django's admin, for support.

It is above the reports and the pipeline in the layers, so that it shows the same states and makes
the same transitions.
"""

# The imports register the models.
from vestnik.dashboard.admin import batches, clients, mailings, messages  # noqa: F401
