"""Around every request: the concurrency limit, the time limit, input checks, errors."""
