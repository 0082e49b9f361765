"""The price book, its changes, and what providers really charge."""
