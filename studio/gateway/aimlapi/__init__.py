"""AI/ML API's protocol for videos: one address to create and to ask, balance, models. It has no webhooks."""
