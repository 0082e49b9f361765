"""The public API's base: authentication, scopes, rate limits, idempotency, problems, pagination and the document.

Each app brings its own resources (``studio.api``, ``billing.api``, ``outbox.api``); ``urls`` puts them together.
"""
