"""Providers: who makes videos. ``types.py`` and ``base.py`` are the contract, ``registry.py`` is what is sold.

``local.py`` is the draft engine; ``remote.py`` and ``http/`` are what the adapters of ``runware/``, ``fal/`` and
``aimlapi.py`` share. Knows no row.
"""
