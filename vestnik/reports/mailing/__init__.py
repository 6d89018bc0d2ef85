"""Reports of one mailing: snapshot, forecast, breakdown, statistics, preview."""
