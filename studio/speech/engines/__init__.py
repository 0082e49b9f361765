"""Engines that speak on this server; those elsewhere are with their providers. They know no row."""
