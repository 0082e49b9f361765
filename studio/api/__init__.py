"""The API's part of the studio: renders, batches, quotes and offers, uploads, projects, storage.

``bodies.py`` takes, ``serializers.py`` gives, ``inputs.py`` finds what a body names; the rest are views by subject.
"""
