"""The page on which a mailing is written, previewed, tested and saved."""
