"""CSV files: encodings, separators, quoting."""
