"""Reports: action items, snapshots, statistics, exports, metrics."""
