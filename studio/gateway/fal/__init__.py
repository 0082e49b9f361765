"""fal's protocol: a queue by REST, its synchronous twin, storage, and signed webhooks."""
