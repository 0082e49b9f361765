"""Approvals: what a token asked for above its amount waits here for a person's yes."""
