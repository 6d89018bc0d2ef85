"""Counts over time: samples of running mailings, totals of a day."""
