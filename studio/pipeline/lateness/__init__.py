"""How long a video usually takes at its provider, and what happens when it takes longer."""
