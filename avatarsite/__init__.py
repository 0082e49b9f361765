"""The site: settings, entry points, and what every app shares.

``db`` (SQL), ``http`` (guarded addresses, bodies), ``queue`` (tasks and their worker), ``outages`` and ``mail`` serve
all; ``workspaces`` are people and tenants, ``api`` the public API's base, ``inbox`` webhooks that come in, ``outbox``
webhooks that go out. Nothing here imports ``billing`` or ``studio`` but the composition roots (``urls``, ``asgi``).
"""
