"""PostgreSQL and Redis: connections, sessions, locks, statements. The lowest package."""
