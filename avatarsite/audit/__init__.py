"""The audit log: who did what, when, from where and why, in rows that nothing changes afterwards.

``record`` writes a line, beside the fact and in its transaction; ``actor`` says who is at it; ``admin`` shows all of
it, and ``avatarsite/workspaces/views/audit.py`` a workspace's own part.
"""
