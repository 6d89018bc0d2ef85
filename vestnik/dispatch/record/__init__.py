"""The lease on a batch: claim it, mark messages as in flight, record their outcomes."""
