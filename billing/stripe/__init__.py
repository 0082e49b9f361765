"""Stripe's API: the only folder that imports ``stripe``."""
