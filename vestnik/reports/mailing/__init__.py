"""One mailing in figures: progress, forecast, breakdowns, statistics."""
