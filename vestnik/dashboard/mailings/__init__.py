"""The pages of mailings: the list, a new one, one that runs, its report."""
