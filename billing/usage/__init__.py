"""Usage: a measured video becomes a charge, our cost and a write-off at once; by day and in sum for charts."""
