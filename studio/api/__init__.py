"""The API's part of the studio: renders, batches, quotes and offers, uploads, projects, storage.

``inputs.py`` takes, ``serializers.py`` gives, ``resolve.py`` finds what an input names; the rest are views by subject.
"""
