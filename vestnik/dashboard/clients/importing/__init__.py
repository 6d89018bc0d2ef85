"""The pages of an import: upload, mapping of columns, progress and result."""
