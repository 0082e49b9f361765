"""Stripe: the client of its API, the objects it answers with, its customers. Nothing else imports ``stripe``."""
