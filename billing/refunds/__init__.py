"""Refunds and disputes of top-ups, and the review of a top-up that differs from its payment.

The credit of a payment that goes back is clawed back first; what of it was spent becomes a debt (``billing/debts``).
"""
