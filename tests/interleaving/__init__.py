"""Two operations on one mailing: the first is stopped before each of its statements while the
second runs whole. `make interleave` runs all ordered pairs; see `__main__`."""
