"""Clients, and the filters that select them."""
