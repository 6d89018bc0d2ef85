"""SMPP 3.4 as an ESME, along the way of a message: coding, parts, session, link, receipts."""
