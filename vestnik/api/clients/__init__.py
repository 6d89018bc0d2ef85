"""Endpoints of clients, attributes, audiences, imports, the stop list and erasure."""
