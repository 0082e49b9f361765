"""AI/ML API's protocol for videos: one address to create and to ask."""
