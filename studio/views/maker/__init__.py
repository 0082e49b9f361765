"""Pages of the form where a video is asked for: its draft, its price, words typed for its voice, and it as code."""
