"""SMPP 3.4 as an ESME: coding, PDUs, session, connection, responses, receipts."""
