"""The draft engine: a portrait whose mouth moves with a voice, drawn here and marked as a draft."""
