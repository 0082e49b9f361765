"""Budgets: what a workspace or a token may spend in a month."""
