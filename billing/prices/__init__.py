"""Prices: the price book (what a second costs and sells for), its changes, and where providers' reports differ."""
