"""Settings: what everybody may look at, and what is for admins."""
