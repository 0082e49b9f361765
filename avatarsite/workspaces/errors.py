"""Errors about people and workspaces, each with the sentence that the person is shown."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied


class WorkspaceError(Exception):
    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class NotAllowed(WorkspaceError, PermissionDenied):
    """The role doesn't reach that far; becomes a 403 at every door."""


class Suspended(NotAllowed):
    """The workspace is suspended or closed."""


class CannotClose(WorkspaceError):
    pass


class NameMissing(WorkspaceError):
    pass


class NotAMember(WorkspaceError):
    pass


class LastOwner(WorkspaceError):
    pass


class AlreadyMember(WorkspaceError):
    pass


class AlreadyInvited(WorkspaceError):
    pass


class TooManyInvitations(WorkspaceError):
    pass


class TooSoon(WorkspaceError):
    pass


class InvitationUnknown(WorkspaceError):
    pass


class InvitationRevoked(WorkspaceError):
    pass


class InvitationExpired(WorkspaceError):
    pass


class InvitationUsed(WorkspaceError):
    pass


class WrongAddress(WorkspaceError):
    pass


class DomainRefused(WorkspaceError):
    pass


class TokenRefused(WorkspaceError):
    """``field`` says which part of the token can't be as asked."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field
