"""Usage: what renders took and cost, metered, by day and in sum."""
