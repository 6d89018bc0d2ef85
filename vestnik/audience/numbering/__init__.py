"""The numbering register: regions, and the time zones that follow from them."""
