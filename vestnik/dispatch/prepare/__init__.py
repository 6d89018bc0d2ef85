"""Before a mailing sends: launch it, select its recipients, enlist one message for each of them."""
