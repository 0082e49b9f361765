"""Makes files in code: good ones of every kind, and bad ones with the sentence that each deserves."""
