"""Taking queued messages back: stop list, deleted clients, erased clients."""
