"""The report of a mailing, with its charts."""
