"""Who may do what: users, roles, API keys and the permission table."""
