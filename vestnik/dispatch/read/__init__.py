"""Queries of the pipeline's tables for reports, pages and the API."""
