"""How every remote provider is spoken to: a pool of clients, errors in our words, addresses looked at first."""

from __future__ import annotations

from avatarsite.http.client import open_pool, run
from studio.providers.http.addresses import Bases
from studio.providers.http.answers import Answer
from studio.providers.http.asking import NoAnswer, NotSent, ask
from studio.providers.http.downloads import download

__all__ = ["Answer", "Bases", "NoAnswer", "NotSent", "ask", "download", "open_pool", "run"]
