"""Verification of the ledger, of Stripe's side of it and of a statement, by queries for what breaks a rule."""
