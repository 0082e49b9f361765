"""Debts: credit that went back after it was spent: receivables, clawbacks, frozen wallets and write-offs."""
