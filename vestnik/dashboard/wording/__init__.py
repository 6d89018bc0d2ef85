"""Stored values in the reader's language: states, reasons, filters, times, numbers."""
