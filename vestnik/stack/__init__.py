"""The embedded stack: PostgreSQL, Valkey, web processes and workers.

    up ──► home (folder, lock, secrets) ──► servers: postgres, valkey ──► setup (migrate, first
    account, sample) ──► web, workers

`supervisor` starts, watches and stops them; `forkserver` forks web and workers from one process
that has loaded the code; `console` carries their output; `exec_helper` prepares a process before
it executes its program.
"""
