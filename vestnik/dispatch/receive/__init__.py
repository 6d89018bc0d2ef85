"""What providers report by themselves: receipts, late responses, texts from clients."""
