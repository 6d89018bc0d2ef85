"""Sending claimed batches: dispatchers, flights, rate limits, circuit breakers."""
