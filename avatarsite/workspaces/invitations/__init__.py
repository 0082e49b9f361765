"""Invitations to a workspace: sent, kept in mind while somebody signs up, and accepted."""
