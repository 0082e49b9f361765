"""Promotion codes, which become bonus credit."""
