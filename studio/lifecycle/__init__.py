"""Lifecycle of what a workspace has: deleted when it is old, exported whole, and gone with its workspace or person.

``belongings.py`` finds by the models themselves what belongs to a workspace, so that nothing new is forgotten.
"""
