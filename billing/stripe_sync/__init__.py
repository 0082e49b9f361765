"""Stripe's events taken in, and its records compared with ours."""
