"""Approvals: asked for by a token, decided by a person, once."""

from __future__ import annotations

import json
from datetime import timedelta
from hashlib import sha256

from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from avatarsite.audit.record import record
from avatarsite.errors import DomainError
from avatarsite.workspaces.models import User, Workspace
from avatarsite.workspaces.tokens import stands
from billing.budgets.notices import note_refusal
from billing.errors import BudgetReached
from billing.money import usd_at_most
from studio.approvals.kept import read, written
from studio.approvals.mail import mail_approval
from studio.models import Approval, ApprovalState, Render
from studio.pipeline.long.sound import prepare
from studio.pipeline.request.batches import request_batch
from studio.pipeline.request.consent import ApprovalNeeded
from studio.pipeline.request.options import DEFAULTS
from studio.pipeline.request.take import take_within
from studio.pipeline.request.titles import title_for

LIFE = timedelta(hours=24)
MAX_WAITING = 50


class ApprovalRefused(DomainError):
    """It can't be asked for, or decided, as things stand."""


def ask_for_approval(needed: ApprovalNeeded) -> Approval:
    """Keep what was asked for, and mail the token's maker. The same again while it waits is the same.

    Raises ApprovalRefused when too many wait already.
    """
    first = needed.requests[0]
    assert first.token is not None  # noqa: S101 -- it is what asks
    kept = [written(request) for request in needed.requests]
    digest = sha256(json.dumps([kept, needed.ceiling_micros], cls=DjangoJSONEncoder).encode()).hexdigest()
    with transaction.atomic():
        Workspace.objects.select_for_update(no_key=True).get(pk=first.workspace.pk)  # one after the other
        waiting = waiting_in(first.workspace)
        before = waiting.filter(token=first.token, digest=digest).first()
        if before:
            return before
        if waiting.count() >= MAX_WAITING:
            found = f"{MAX_WAITING} requests wait for a person’s yes already."
            raise ApprovalRefused("approvals_waiting", found, remedy="Have some of them decided first.")
        made = Approval.objects.create(
            workspace=first.workspace,
            token=first.token,
            asked_for=first.token.made_by,
            requests=kept,
            digest=digest,
            is_batch=needed.is_batch,
            count=len(kept) if needed.is_batch else first.options.get("takes", DEFAULTS["takes"]),
            title=first.title.strip() or title_for(first.portrait, first.voice),
            model=first.model,
            portrait=first.portrait,
            voice=None if first.spoken else first.voice,
            ceiling_micros=needed.ceiling_micros,
            expires_at=timezone.now() + LIFE,
        )
        mail_approval(made)
    return made


def waiting_in(workspace: Workspace) -> QuerySet[Approval]:
    """What somebody has to decide, the oldest first."""
    return Approval.objects.for_workspace(workspace).filter(in_state(ApprovalState.WAITING)).order_by("id")


def in_state(state: str) -> Q:
    late = Q(state=ApprovalState.WAITING, expires_at__lte=timezone.now())
    if state == ApprovalState.EXPIRED:
        return late
    return Q(state=state) & ~late


def approve(approval: Approval, *, by: User) -> Approval:
    """Say yes: it is asked for now, for at most what was read. Twice, or two at once, is once.

    Raises ApprovalRefused for one that was declined or has expired, and whatever asking raises; then it waits on.
    """
    _prepare(approval)
    try:
        with transaction.atomic():
            if not _decide(approval, ApprovalState.APPROVED, by):
                return _as_it_is(approval, ApprovalState.APPROVED)
            if not stands(approval.token):
                found = f"The token “{approval.token.name}” does not work any more."
                raise ApprovalRefused("approval_ended", found, remedy="Decline it.")
            _ask(approval)
            _record(approval, "approved", by)
    except BudgetReached as refusal:
        note_refusal(approval.workspace, refusal)
        raise
    approval.refresh_from_db()
    return approval


def _prepare(approval: Approval) -> None:
    """That its long voices are known, before a transaction that would undo the asking."""
    if approval.stands == ApprovalState.WAITING:
        requests = [read(approval, kept) for kept in approval.requests]
        prepare(*((one.voice, one.model) for one in requests if not one.spoken or one.spoken.ready))


def decline(approval: Approval, *, by: User) -> Approval:
    """Say no. Twice is once. Raises ApprovalRefused for one that was approved or has expired."""
    with transaction.atomic():
        if not _decide(approval, ApprovalState.DECLINED, by):
            return _as_it_is(approval, ApprovalState.DECLINED)
        _record(approval, "declined", by)
    approval.refresh_from_db()
    return approval


def _decide(approval: Approval, state: ApprovalState, by: User) -> bool:
    """Whether this is the decision: of two at once the second waits here, and finds that it is not."""
    open_ones = Approval.objects.filter(pk=approval.pk, state=ApprovalState.WAITING, expires_at__gt=timezone.now())
    return bool(open_ones.update(state=state, decided_by=by, decided_at=timezone.now()))


def _as_it_is(approval: Approval, wanted: ApprovalState) -> Approval:
    approval.refresh_from_db()
    if approval.stands != wanted:
        word = {ApprovalState.EXPIRED: "has expired"}.get(ApprovalState(approval.stands), f"was {approval.stands}")
        raise ApprovalRefused("approval_ended", f"It {word}.", remedy="The program has to ask again.")
    return approval


def _ask(approval: Approval) -> None:
    requests = [read(approval, kept) for kept in approval.requests]
    most, user = approval.ceiling_micros, approval.asked_for
    if approval.is_batch:
        group = request_batch(approval.workspace, requests, user=user, max_amount_micros=most)
        Approval.objects.filter(pk=approval.pk).update(group=group)
        return
    first: Render = take_within(requests[0], user=user)[0]
    Approval.objects.filter(pk=approval.pk).update(render=first, group=first.group)


def _record(approval: Approval, act: str, by: User) -> None:
    asked = f"the token {approval.token.name} asked for, up to {usd_at_most(approval.ceiling_micros)}"
    what = f"“{approval.title}”, which {asked}, was {act}"
    record(f"approval.{act}", what, workspace=approval.workspace, target=approval.pk, by=by)
