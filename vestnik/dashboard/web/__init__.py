"""Shared by all pages: decorators, middleware, kept forms, idempotency, errors."""
