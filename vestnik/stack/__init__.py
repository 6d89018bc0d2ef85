"""The embedded stack: PostgreSQL, Valkey, and the web, workers and beat over them.

    up ──► home (folder, lock, secrets) ──► servers: postgres, valkey ──► setup (migrate, first
    account, sample) ──► web, workers, beat

`supervisor` starts, watches and stops them; `console` carries their output; `launch` is what each
of them is before it becomes itself.
"""
