"""After sending: unknown messages, status queries, closing mailings."""
