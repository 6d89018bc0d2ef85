"""The user's own account: login and logout, preferences, password, sessions."""
