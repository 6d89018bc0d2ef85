"""Interleavings of two operations on one mailing.

The first operation is stopped before each of its statements while the second runs completely. `make
interleave` runs all ordered pairs; see `__main__`.
"""
