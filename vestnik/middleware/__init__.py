"""Around every request: the concurrency limit, the time limit, checks of the input."""
