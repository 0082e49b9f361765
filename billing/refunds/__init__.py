"""Refunds and disputes of top-ups, and what of a top-up can be given back."""
