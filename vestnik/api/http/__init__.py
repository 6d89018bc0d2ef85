"""Shared by all endpoints: views, parsing, fields, problems, pagination, idempotency."""
