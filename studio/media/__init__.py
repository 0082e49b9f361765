"""Media: what strangers' files are, and ours made of them. Needs no Django.

``judge.py`` is the door: it runs a job in the ``sandbox/``. ``claims.py`` and ``signatures.py`` read what a file says
of itself, ``normalise.py`` makes copies that every provider takes. ``portraits/``, ``voices/`` and ``video/`` have one
kind each; ``draft/`` is the engine of our own.
"""
