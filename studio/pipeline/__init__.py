"""The way of a render, one file per step, in the order in which they happen.

Quote, request, submit, watch, ingest, settle, notify; and cancel, overdue. ``states`` is the only writer of
``Render.state``; ``drive`` walks one render through all of it in the foreground.
"""
