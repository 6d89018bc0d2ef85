"""The lease of a batch: claim it, mark its messages as in flight, record their outcomes."""
