"""Mail domains: added, proved by a record in DNS, and let go. Only owners do any of it."""

from __future__ import annotations

import secrets
from datetime import timedelta

from django.db import IntegrityError
from django.db.models import Q
from django.utils import timezone

from avatarsite.audit.record import record
from avatarsite.workspaces.access import Action, demand
from avatarsite.workspaces.domains.names import domain_name
from avatarsite.workspaces.domains.records import place_of, texts_of
from avatarsite.workspaces.errors import DomainRefused, TooSoon
from avatarsite.workspaces.members import one_at_a_time
from avatarsite.workspaces.models import MailDomain, Member, Role, User, Workspace

MAX_DOMAINS = 10
LOOK_AGAIN_AFTER = timedelta(seconds=10)


def add_domain(by: Member, text: str, role: Role) -> MailDomain:
    """A domain that is still to be proved. Raises NotAllowed or DomainRefused."""
    demand(by, Action.MANAGE_OWNERS)
    name = domain_name(text)
    with one_at_a_time(by.workspace):
        there = set(MailDomain.objects.filter(workspace=by.workspace).values_list("name", flat=True))
        if name in there:
            raise DomainRefused(f"{name} is in the list already.")
        if len(there) >= MAX_DOMAINS:
            raise DomainRefused(f"A workspace has at most {MAX_DOMAINS} mail domains. Remove one first.")
        proof = f"avatar-studio={secrets.token_urlsafe(24)}"
        domain = MailDomain.objects.create(workspace=by.workspace, name=name, role=role, proof=proof, added_by=by.user)
        _record("added", f"The mail domain {name} was added, for new people as {domain.as_role()}", domain, by.user)
    return domain


def prove(by: Member, domain: MailDomain) -> None:
    """Look for its record in DNS. Raises NotAllowed, TooSoon or DomainRefused.

    Who controls a domain says whose it is: where another workspace had proved it, it must have lost its record.
    """
    demand(by, Action.MANAGE_OWNERS)
    now = timezone.now()
    long_ago = Q(checked_at=None) | Q(checked_at__lt=now - LOOK_AGAIN_AFTER)
    if not MailDomain.objects.filter(long_ago, pk=domain.pk).update(checked_at=now):
        raise TooSoon("We have only just looked. Wait ten seconds, then try again.")
    texts = texts_of(domain.name)
    if domain.proof not in texts:
        raise DomainRefused(
            f"{place_of(domain.name)} has no such record yet. A new one can take some minutes, at some hosts an hour."
        )
    with one_at_a_time(by.workspace):
        for other in MailDomain.objects.filter(name=domain.name).exclude(pk=domain.pk).exclude(proved_at=None):
            if other.proof in texts:
                raise DomainRefused(
                    f"Another workspace has proved {domain.name}, and its record is still there. Delete that one first."
                )
            MailDomain.objects.filter(pk=other.pk).update(proved_at=None)
            _record("lost", f"The mail domain {domain.name} was proved by another workspace", other, None)
        try:
            proved = MailDomain.objects.filter(pk=domain.pk, proved_at=None).update(proved_at=now)
        except IntegrityError as error:
            raise DomainRefused(f"Another workspace has proved {domain.name} this very moment.") from error
        if proved:
            _record("proved", f"The mail domain {domain.name} was proved", domain, by.user)


def set_role(by: Member, domain: MailDomain, role: Role) -> None:
    """What those who come from now on are. Raises NotAllowed."""
    demand(by, Action.MANAGE_OWNERS)
    with one_at_a_time(by.workspace):
        if MailDomain.objects.filter(pk=domain.pk).exclude(role=role).update(role=role):
            domain.role = role
            _record("role", f"New people of {domain.name} are {domain.as_role()} from now on", domain, by.user)


def remove_domain(by: Member, domain: MailDomain) -> None:
    """Close the door; whoever came by it stays. Raises NotAllowed."""
    demand(by, Action.MANAGE_OWNERS)
    _remove(domain, by.user)


def remove_for_operator(domain: MailDomain) -> None:
    """As ``remove_domain``, by whoever runs the service: the admin site has asked for their permission."""
    _remove(domain, None)


def _remove(domain: MailDomain, by: User | None) -> None:
    with one_at_a_time(domain.workspace):
        if MailDomain.objects.filter(pk=domain.pk).delete()[0]:
            _record("removed", f"The mail domain {domain.name} was removed", domain, by)


def domains_of(workspace: Workspace) -> list[MailDomain]:
    return list(MailDomain.objects.filter(workspace=workspace).order_by("name"))


def _record(act: str, what: str, domain: MailDomain, by: User | None) -> None:
    record(f"domain.{act}", what, workspace=domain.workspace, target=domain.name, by=by, shown=True)
