"""A user's own things: logging in and out, preferences, the password, sessions."""
