"""The whole site as an ASGI application, for benchmarks/servers.py; avatarsite/asgi.py has the WebSocket alone."""

from django.core.asgi import get_asgi_application

application = get_asgi_application()
