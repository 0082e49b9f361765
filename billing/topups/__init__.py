"""Top-ups: credit bought at checkout or automatically, the notice of a low balance, and the sweep for both."""
