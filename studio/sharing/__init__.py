"""Sharing: links by which people without an account watch one video, on its page or in a frame of their own page.

``links`` makes, finds and revokes them; ``guests`` decides what a guest may see; ``review`` keeps what guests write.
Their pages are ``studio/views/sharing/shared.py``.
"""
