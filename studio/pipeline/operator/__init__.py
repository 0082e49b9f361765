"""What an operator does about one render: ask its provider now, send it to another offer. Each is safe to repeat."""
