"""A finished video, received from its provider, checked and stored."""
