"""What all endpoints share: views, parsing, fields, problems, pagination, idempotency."""
