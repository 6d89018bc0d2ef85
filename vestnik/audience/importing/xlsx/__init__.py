"""XLSX files: the archive, sheets, shared strings, styles."""
