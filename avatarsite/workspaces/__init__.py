"""People and workspaces, the tenants: sign-in, members and roles, invitations, tokens.

``access`` says who may do what, ``decorators`` guard the pages, ``encryption`` keeps what has to be read again.
"""
