"""After sending: unknown messages, status queries, and the end of a mailing."""
