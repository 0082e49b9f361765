"""fal's protocol: a queue by REST, its synchronous twin, storage, and signed webhooks.

Only fal has ``hosts`` (names of its own, and ``proxyUrl``), ``storage`` (uploads before a request), ``sync`` (responses
that wait) and ``signing`` (of webhooks).
"""
