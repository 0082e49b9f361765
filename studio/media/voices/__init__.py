"""Sound: what voices are judged by, and turned into."""
