"""The Redis keys of heartbeats. The containers' health checks read them without starting Django."""

WORKER = "vestnik:worker:{}"
BEAT = "vestnik:beat:{}"
#: By kind of process. The key ends with the process's name, which ends with `@` and the host.
KEYS = {"worker": WORKER, "beat": BEAT}
