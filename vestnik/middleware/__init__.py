"""WSGI and Django middleware: the concurrency limit, the time limit, checks of the input."""
