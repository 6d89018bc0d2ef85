"""What became of the messages: progress, statistics, exports."""
