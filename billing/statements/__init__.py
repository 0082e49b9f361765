"""Statements: a month's lines of a wallet, as a page, a file and a mail."""
