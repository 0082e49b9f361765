"""Synchronisation with Stripe: its webhooks, its tasks, and the nightly reconciliation of its lists with our rows."""
