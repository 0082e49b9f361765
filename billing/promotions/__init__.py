"""Promotion codes and the welcome credit: both become bonus lots."""
