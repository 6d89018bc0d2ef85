"""Mailings: their text, audience, window and state."""
