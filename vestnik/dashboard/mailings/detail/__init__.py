"""The page of one mailing: its progress, settings, messages and history."""
