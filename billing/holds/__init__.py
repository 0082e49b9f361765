"""Holds: credit set aside for a render until it is settled or released."""
