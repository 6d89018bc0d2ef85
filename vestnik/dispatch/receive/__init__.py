"""Events that providers send: receipts, late responses, texts from clients."""
