"""Statements: a month's lines of a wallet, as a page, a CSV file and a monthly mail."""
