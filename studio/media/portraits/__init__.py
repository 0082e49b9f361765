"""Pictures: what portraits are judged by, and turned into."""
