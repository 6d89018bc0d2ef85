"""Pause, resume, cancel, change, follow up, settle unknown messages."""
