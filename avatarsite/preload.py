"""Loads what the processes of a worker need, before they are forked, so that all of them share one copy of it."""

from __future__ import annotations

import gc
from importlib import import_module

from django.db import connections
from django.urls import get_resolver

from avatarsite import jobs
from avatarsite.models import Canary
from studio.providers import registry
from studio.providers.http.pool import tls


def preload() -> None:
    for app in jobs.APPS:
        import_module(f"{app}.tasks")
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
