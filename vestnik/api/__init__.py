"""The HTTP API under /api/v1/: one package per resource."""
