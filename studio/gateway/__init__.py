"""Gateway: the providers' own protocols, spoken to our customers and translated for the same pipeline.

``intake`` takes an ``incoming`` request: a row, its media, its renders. ``status`` reads what became of it, ``errors``
are what went wrong, ``webhooks`` send word, ``stored_files`` are what clients put here first. ``http`` and
``idempotency`` serve every protocol. Each protocol is a folder with the same files, and no folder knows another:

- ``urls`` and ``views``: its routes, and who may use them
- ``requests``: what a client sends, checked and made an ``IncomingRequest``
- ``responses`` and ``errors``: status, result and errors in its own words
- ``webhook``: the body of its webhook, if it has any
"""
