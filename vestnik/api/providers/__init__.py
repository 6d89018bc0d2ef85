"""Endpoints about providers, and the addresses of their callbacks."""
