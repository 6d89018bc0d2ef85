"""The settings: some for all users, some for admins."""
