"""Loads what the processes of a worker need, before they are forked, so that all of them share one copy of it."""

from __future__ import annotations

import gc
from importlib import import_module

from django.db import connections
from django.urls import get_resolver

from avatarsite.models import Canary
from studio.providers import registry
from studio.providers.http.pool import tls

# What libraries load when they are first used: by a download, a look at a video, a poster.
LATE = (
    "httpcore._async.http11",
    "anyio._backends._asyncio",
    "av.subtitles.stream",
    "PIL.BmpImagePlugin",
    "PIL.GifImagePlugin",
    "PIL.JpegImagePlugin",
    "PIL.PngImagePlugin",
    "PIL.PpmImagePlugin",
)


def preload() -> None:
    for module in (*("avatarsite.tasks", "billing.tasks", "studio.tasks"), *LATE):
        import_module(module)
    for name in registry.PROVIDERS:
        registry.provider(name)
    tls()
    # The first link that is written loads every page of the site: 40 MB in each process that writes one.
    assert get_resolver().reverse_dict is not None  # noqa: S101
    # So does the first question to the database, with what it takes to ask one.
    Canary.objects.first()
    connections.close_all()
    gc.collect()
    gc.freeze()
