"""Measurements, side by side in one run: `make bench`. Ratios go to docs/benchmarks.{md,json}."""
