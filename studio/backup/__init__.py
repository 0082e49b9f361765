"""Backup of a house: its database as it was at one moment and every file that this names, in one archive."""
