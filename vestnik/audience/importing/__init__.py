"""Imports of clients: read as a stream, validated row by row, saved all or not at all."""
