"""Upgrades from the release before: in place, and with both releases side by side."""
