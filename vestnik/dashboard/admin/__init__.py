"""Django's admin over what support looks at. It stands above the reports and the pipeline, so
that it shows the states that they show and makes the transitions that they make."""

# Imported to be registered.
from vestnik.dashboard.admin import batches, clients, mailings, messages  # noqa: F401
