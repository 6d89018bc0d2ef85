"""A file of clients: handed in, said what its columns are, read, and what became of it."""
