"""Users, roles, API keys, and the permission table that says what each role may do."""
