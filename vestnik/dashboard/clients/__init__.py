"""The pages of clients: the list, one client, imports, saved audiences."""
