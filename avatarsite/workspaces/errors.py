"""What can't be done with people and workspaces, each with the sentence that the person is shown."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied


class Refused(Exception):
    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class NotAllowed(Refused, PermissionDenied):
    """The role doesn't reach that far; becomes a 403 at every door."""


class NameMissing(Refused):
    pass


class NotAMember(Refused):
    pass


class LastOwner(Refused):
    pass


class AlreadyMember(Refused):
    pass


class AlreadyInvited(Refused):
    pass


class TooManyInvitations(Refused):
    pass


class TooSoon(Refused):
    pass


class InvitationUnknown(Refused):
    pass


class InvitationRevoked(Refused):
    pass


class InvitationExpired(Refused):
    pass


class InvitationUsed(Refused):
    pass


class WrongAddress(Refused):
    pass


class TokenRefused(Refused):
    """``field`` says which part of the token can't be as asked."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field
