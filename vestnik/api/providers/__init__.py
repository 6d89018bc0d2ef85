"""Endpoints of providers, and the callbacks that vendors post to."""
