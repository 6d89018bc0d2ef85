"""Signals between processes, by Redis: wake-ups, heartbeats, counters."""
