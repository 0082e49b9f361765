"""SQL where Django's own queries would cost too much or can't say it."""
