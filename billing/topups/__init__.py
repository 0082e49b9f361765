"""Top-ups: credit bought by checkout or by itself, and the sweep that finishes them."""
