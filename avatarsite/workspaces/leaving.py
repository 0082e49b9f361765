"""Loss of access, and what ends with it: tokens, or what these may do too much, and the invitations they sent.

Sessions need no end: each page asks for the membership. Webhook endpoints stay the workspace's, whoever made them.
That a token never does more than its maker may is enforced where it is read (``tokens.token_of``); here it is written
down, so that a later membership wakes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import QuerySet
from django.utils import timezone

from avatarsite.audit.record import record
from avatarsite.mail.messages import withdraw
from avatarsite.workspaces.access import Action, may, scopes_within
from avatarsite.workspaces.models import ApiToken, Invitation, Member, PastMember, User


@dataclass(frozen=True, slots=True)
class Ended:
    """How many tokens stopped, were cut or were handed over, and how many invitations were withdrawn."""

    stopped: int = 0
    cut: int = 0
    handed_over: int = 0
    invitations: int = 0

    def __str__(self) -> str:
        parts = [
            (self.stopped, "token of theirs stopped", "tokens of theirs stopped"),
            (self.cut, "token was cut to the role", "tokens were cut to the role"),
            (self.handed_over, "token was handed over", "tokens were handed over"),
            (self.invitations, "invitation was withdrawn", "invitations were withdrawn"),
        ]
        return ", ".join(f"{count} {one if count == 1 else many}" for count, one, many in parts if count)


def end_access(target: Member, *, by: User | None, how: str, tokens_to: Member | None = None) -> Ended:
    """End what goes with a membership, in the transaction that deletes it afterwards; ``how`` is for the audit line."""
    handed_over = hand_over_tokens(target, tokens_to) if tokens_to else 0
    stopped = _working(target).update(revoked_at=timezone.now())
    ended = Ended(stopped=stopped, handed_over=handed_over, invitations=_withdraw_invitations(target))
    withdraw(target.user.email, workspace=target.workspace)
    PastMember.objects.get_or_create(workspace=target.workspace, user=target.user)
    note_access(target, by=by, what=how, ended=ended)
    return ended


def cut_to_role(target: Member, *, by: User | None, how: str, tokens_to: Member | None = None) -> Ended:
    """Cut what goes beyond a role that has just been given, in its transaction."""
    handed_over = hand_over_tokens(target, tokens_to) if tokens_to else 0
    stopped = cut = 0
    for token in _working(target):
        kept = scopes_within(token.scopes, target.role)
        if not kept:
            stopped += ApiToken.objects.filter(pk=token.pk).update(revoked_at=timezone.now())
        elif kept != token.scopes:
            cut += ApiToken.objects.filter(pk=token.pk).update(scopes=kept)
    invitations = 0 if may(target, Action.MANAGE_MEMBERS) else _withdraw_invitations(target)
    ended = Ended(stopped=stopped, cut=cut, handed_over=handed_over, invitations=invitations)
    note_access(target, by=by, what=how, ended=ended)
    return ended


def hand_over_tokens(target: Member, to: Member) -> int:
    """Make ``to`` the maker of what still works of ``target``'s tokens, within what ``to`` may; how many."""
    count = 0
    for token in _working(target):
        kept = scopes_within(token.scopes, to.role)
        if kept:
            count += ApiToken.objects.filter(pk=token.pk).update(made_by=to.user, maker=to, scopes=kept)
    return count


def note_switched(person: User, *, by: User | None) -> None:
    """Write down that an account was switched off or on: its tokens rest meanwhile, by their rows alone."""
    for member in Member.objects.filter(user=person).select_related("user", "workspace"):
        if person.is_active:
            note_access(member, by=by, what="was switched on again")
        else:
            withdraw(person.email, workspace=member.workspace)
            count = _working(member).count()
            rest = f": {count} token{'' if count == 1 else 's'} of theirs rest{'s' if count == 1 else ''}"
            note_access(member, by=by, what=f"was switched off{rest if count else ''}")


def note_access(target: Member, *, by: User | None, what: str, ended: Ended | None = None) -> None:
    line = f"{target.user.email} {what}"
    detail = f": {ended}" if ended and str(ended) else ""
    record("member.access", f"{line}{detail}", workspace=target.workspace, target=target.user.email, by=by, shown=True)


def _working(target: Member) -> QuerySet[ApiToken]:
    return ApiToken.objects.filter(maker=target, revoked_at=None)


def _withdraw_invitations(target: Member) -> int:
    sent = Invitation.objects.filter(workspace=target.workspace, invited_by=target.user)
    waiting = sent.filter(accepted_at=None, revoked_at=None)
    for email in waiting.values_list("email", flat=True):
        withdraw(email, workspace=target.workspace, kind="invitation")
    return waiting.update(revoked_at=timezone.now())
