"""Captions: cues from sentences and their times, read from files and written to them, and drawn into pictures."""
