"""What all pages share: decorators, middleware, kept forms, idempotency, errors."""
