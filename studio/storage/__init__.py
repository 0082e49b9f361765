"""Stored files: on disk or in a bucket, their ledger, and what audits it."""
