"""Taking queued messages back: opt-outs, deleted clients, erased numbers."""
