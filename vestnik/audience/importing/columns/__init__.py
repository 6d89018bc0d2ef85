"""Columns of an imported file: the header, their meaning, their types."""
