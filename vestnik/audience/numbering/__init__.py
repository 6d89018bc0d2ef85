"""The numbering register: regions, and their time zones."""
