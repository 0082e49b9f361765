"""Debts: what is owed after a dispute or refund, clawed back, frozen or written off."""
