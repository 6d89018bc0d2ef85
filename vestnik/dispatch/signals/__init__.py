"""What processes tell each other by Redis: wakeups, heartbeats, counters."""
