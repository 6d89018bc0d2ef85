"""Endpoints under /mailings/."""
