"""Benchmarks: `make bench` measures side by side and writes docs/benchmarks.{md,json}."""
