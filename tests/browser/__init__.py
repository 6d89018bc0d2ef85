"""The operator's pages in a real browser, over a real stack."""
