"""The JSON API of money: balance, transactions and usage."""
