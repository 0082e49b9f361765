"""Uploads: portraits and voices taken in from a form, a slot, an address or a data URI."""
