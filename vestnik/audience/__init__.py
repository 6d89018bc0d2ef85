"""Who can be written to: clients, and the filters that select them."""
