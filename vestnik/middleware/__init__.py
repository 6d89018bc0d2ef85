"""WSGI and Django middleware: limits, checks of the input, compression."""
