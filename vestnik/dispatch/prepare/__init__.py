"""Preparing a mailing: launch it, select its recipients, enlist a message for each of them."""
