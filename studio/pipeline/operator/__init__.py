"""What an operator does about one render: ask its provider now, send it elsewhere, give its charge back. Each once."""
