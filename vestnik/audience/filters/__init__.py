"""Audience filters: their rules, and the SQL that selects clients."""
