"""The Redis keys of heartbeats. The containers' checks read them without starting Django."""

WORKER = "vestnik:worker:{}"
BEAT = "vestnik:beat:{}"
#: By kind of process; each is completed by the process's name, which ends in `@` and its host.
KEYS = {"worker": WORKER, "beat": BEAT}
