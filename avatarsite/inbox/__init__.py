"""Incoming webhooks: each is stored as it came, and its signature is checked and it is acted on by a task.

The inbox knows no sender. An app registers its own (``sources.register_source``) in its ``AppConfig.ready``.
"""
