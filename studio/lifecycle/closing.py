"""Closing of a workspace as an owner wishes: shut at once, had back for two weeks, then emptied, settled and closed.

Each step is looked at anew by the due row: what could not be done is tried again, and staff see what it waits for.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from avatarsite.audit.record import record
from avatarsite.desk import Waiting
from avatarsite.mail.messages import write_mail
from avatarsite.mail.models import MailMessage
from avatarsite.outbox.deliveries import disable_all
from avatarsite.outbox.models import Endpoint, EndpointState
from avatarsite.queue import jobs
from avatarsite.queue.due_rows import Kind
from avatarsite.queue.sweeping import each
from avatarsite.workspaces import suspension
from avatarsite.workspaces.access import Action, demand
from avatarsite.workspaces.errors import CannotClose
from avatarsite.workspaces.models import ApiToken, Member, Role, User, Workspace
from billing.debts.receivables import owed_micros
from billing.ledger import accounts
from billing.models import CreditLot, Dispute, DisputeState, LotCategory, Refund, RefundState, StripeCustomer, TopUp
from billing.money import usd_balance
from billing.refunds.refunds import refundable_micros, request_refund
from billing.topups.checkout import CENT_MICROS
from studio.lifecycle.emptying import empty
from studio.lifecycle.models import CLOSING, Closing, ClosingState
from studio.models import Render, ShareLink, Speech
from studio.models.renders import ALIVE
from studio.pipeline.cancel import request_cancel

GRACE = timedelta(days=14)
LEASE = timedelta(minutes=15)
LOOK_AGAIN = timedelta(minutes=5)
MONEY_AGAIN = timedelta(hours=1)
REASON = "The workspace was closed"
BEING_MADE = "Videos that could not be stopped are still being made; they are waited for."
NOT_DELETED = "Something could not be deleted; it is tried again."
REFUNDS = "A refund is on its way."


@dataclass(frozen=True, slots=True)
class Standing:
    """What a workspace has now that a closing does something about."""

    videos: int
    shares: int
    tokens: int
    endpoints: int
    members: int
    paid_micros: int
    bonus_micros: int
    refundable_micros: int
    owed_micros: int
    disputes: int


def standing_of(workspace: Workspace) -> Standing:
    balance = accounts.balance(workspace)
    return Standing(
        videos=_alive(workspace),
        shares=ShareLink.objects.filter(workspace=workspace, revoked_at=None).count(),
        tokens=ApiToken.objects.filter(workspace=workspace, revoked_at=None).count(),
        endpoints=Endpoint.objects.filter(workspace=workspace).exclude(state=EndpointState.DISABLED).count(),
        members=Member.objects.filter(workspace=workspace).count(),
        paid_micros=balance.paid_micros,
        bonus_micros=balance.bonus_micros,
        refundable_micros=sum(_refundable(top_up) for top_up in TopUp.objects.filter(workspace=workspace)),
        owed_micros=owed_micros(workspace),
        disputes=_disputes(workspace),
    )


def open_closing(workspace: Workspace) -> Closing | None:
    return Closing.objects.filter(workspace=workspace, state__in=CLOSING).select_related("workspace").first()


def may_return(closing: Closing) -> bool:
    """Whether an owner can still have it back."""
    return closing.state == ClosingState.GRACE and closing.ends_at > timezone.now()


def begin(owner: Member, *, until: datetime | None = None) -> Closing:
    """Shut it now; its end comes in two weeks. Raises NotAllowed, and CannotClose if it is shut already."""
    demand(owner, Action.MANAGE_OWNERS)
    workspace, now, ends_at = owner.workspace, timezone.now(), until or timezone.now() + GRACE
    told = f"{owner.user.get_full_name()} closes it. Until {ends_at:%-d %B %Y} an owner can have it back."
    with transaction.atomic():
        if not suspension.begin_closing(workspace, until=ends_at, reason=told[:200]):
            raise CannotClose(f"{workspace} is shut already.")
        closing = Closing.objects.create(workspace=workspace, asked_by=owner.user, ends_at=ends_at, next_try_at=now)
        ShareLink.objects.filter(workspace=workspace, revoked_at=None).update(revoked_at=now)
        disable_all(workspace)
        what = f"{workspace} is being closed; it can be had back until {ends_at:%-d %B %Y}"
        record("workspace.closing", what, workspace=workspace, target=closing.pk, by=owner.user)
        for member in Member.objects.filter(workspace=workspace, user__is_active=True).select_related("user"):
            _mail(closing, "begun", member.user, owner=member.role == Role.OWNER, by=owner.user)
        jobs.enqueue("studio.move_closing", closing_id=closing.pk)
    workspace.refresh_from_db()
    return closing


def have_back(
    closing: Closing, *, by: User | None, state: ClosingState = ClosingState.UNDONE, reason: str = ""
) -> bool:
    """Open it again, while it can be had back; tokens, links and webhooks that ended stay so. False if it is too late.

    ``reason`` is that of staff, who stop it.
    """
    now = timezone.now()
    with transaction.atomic():
        found = Closing.objects.filter(pk=closing.pk, state=ClosingState.GRACE, ends_at__gt=now)
        if not found.update(state=state, next_try_at=None, ended_at=now, why="", reason=reason):
            return False
        if not suspension.reopen(closing.workspace):  # staff have closed it meanwhile
            transaction.set_rollback(True)
            return False
        what = f"{closing.workspace} is not closed: {'it was stopped' if reason else 'an owner has it back'}"
        record("workspace.kept", what, workspace=closing.workspace, target=closing.pk, by=by, why=reason, shown=True)
        closing.reason = reason
        for member in _owners(closing.workspace):
            _mail(closing, "kept", member.user, owner=True, by=by)
    return True


def end_grace(closing: Closing, *, reason: str) -> bool:
    """Staff let nobody have it back any more: it is emptied now. False if that was so before."""
    now = timezone.now()
    found = Closing.objects.filter(pk=closing.pk, state=ClosingState.GRACE, ends_at__gt=now)
    won = bool(found.update(ends_at=now, next_try_at=now, reason=reason))
    if won:
        Workspace.objects.filter(pk=closing.workspace_id).update(closes_at=now)
        jobs.enqueue("studio.move_closing", closing_id=closing.pk)
    return won


def move_closing(closing_id: str) -> None:
    """Do what is next for one that is due."""
    found = Closing.objects.select_related("workspace", "asked_by").filter(pk=closing_id, state__in=CLOSING)
    closing = found.first()
    if closing is None or not closing.claim(LEASE):
        return
    steps = {ClosingState.GRACE: _wait, ClosingState.EMPTYING: _empty, ClosingState.SETTLING: _settle}
    if not steps[ClosingState(closing.state)](closing):
        return
    jobs.enqueue("studio.move_closing", closing_id=closing.pk)  # the next step is due at once


def _wait(closing: Closing) -> bool:
    """Stop what is being made, and wait for the end of the two weeks. True once the next step is due."""
    videos = Render.objects.with_binned(closing.workspace).filter(state__in=ALIVE).select_related("hold")
    each(videos, lambda video: request_cancel(video, user=closing.asked_by), "Stopping a video of a closed workspace")
    alive, left = _alive(closing.workspace), closing.ends_at - timezone.now()
    if left > timedelta():
        closing.put_off(min(left, LOOK_AGAIN) if alive else left, tries=0, why=BEING_MADE if alive else "")
        return False
    if alive:
        closing.put_off(LOOK_AGAIN, tries=0, why=BEING_MADE)
        return False
    return closing.write(state=ClosingState.EMPTYING, next_try_at=timezone.now(), tries=0, why="")


def _empty(closing: Closing) -> bool:
    if not empty(closing.workspace):
        closing.put_off(LOOK_AGAIN, tries=0, why=NOT_DELETED)
        return False
    now = timezone.now()
    return closing.write(state=ClosingState.SETTLING, next_try_at=now, tries=0, why="", emptied_at=now)


def _settle(closing: Closing) -> bool:
    """Pay back what was bought and not used; close it once nothing is open. What that waits for is on the desk."""
    workspace = closing.workspace
    if workspace.closed_at is None:
        waits = _pay_back(closing)
        forfeit = _only_crumbs(workspace)
        if not waits:
            waits = " ".join(suspension.why_not_close(workspace, forfeit=forfeit))
        if waits:
            closing.put_off(MONEY_AGAIN, tries=0, why=waits[:500])
            return False
        suspension.close(workspace, reason="An owner has closed it", forfeit=forfeit)
    _finish(closing)
    return False


def _pay_back(closing: Closing) -> str:
    """Ask for the refunds; why they are to be waited for, or "". Each payment is refunded once, by its token."""
    for top_up in TopUp.objects.filter(workspace=closing.workspace).order_by("pk"):
        token = uuid.uuid5(uuid.NAMESPACE_OID, f"{closing.pk}:{top_up.pk}")
        if (micros := _refundable(top_up)) and not Refund.objects.filter(token=token).exists():
            request_refund(top_up, micros, reason=REASON, user=closing.asked_by, token=token)
    going = (RefundState.REQUESTED, RefundState.PENDING)
    on_the_way = Refund.objects.filter(top_up__workspace=closing.workspace, state__in=going)
    return REFUNDS if on_the_way.exists() else ""


def _refundable(top_up: TopUp) -> int:
    """In whole cents; none of one that is disputed."""
    if top_up.disputes.filter(state__in=(DisputeState.OPEN, DisputeState.LOST)).exists():
        return 0
    micros = refundable_micros(top_up)
    return micros - micros % CENT_MICROS


def _only_crumbs(workspace: Workspace) -> bool:
    """Whether no lot of paid credit has a cent left, which is the least that can be paid back."""
    paid = CreditLot.objects.filter(account__workspace=workspace, category=LotCategory.PAID)
    return not paid.filter(remaining__gte=CENT_MICROS).exists()


def _finish(closing: Closing) -> None:
    """Who it was goes last: they are told, and then nothing names them but the books."""
    workspace, now = closing.workspace, timezone.now()
    with transaction.atomic():
        if not closing.finish(state=ClosingState.CLOSED, ended_at=now, why=""):
            return
        record("workspace.closed", f"{workspace} is closed", workspace=workspace, target=closing.pk)
        for member in _owners(workspace):
            _mail(closing, "done", member.user, owner=True, by=None)
        MailMessage.objects.filter(workspace=workspace).delete()
        Member.objects.filter(workspace=workspace).delete()
        card = dict.fromkeys(("card_id", "card_brand", "card_last4", "card_expires"), "")
        StripeCustomer.objects.filter(workspace=workspace).update(email="", name="", **card)
        TopUp.objects.filter(workspace=workspace).update(session_url="", back_to="")
        nameless = {"name": "Closed workspace", "slug": f"closed-{workspace.pk.removeprefix('ws_')}"}
        Workspace.objects.filter(pk=workspace.pk).update(**nameless)


def _alive(workspace: Workspace) -> int:
    videos = Render.objects.with_parts(workspace).filter(state__in=ALIVE).count()
    return videos + Speech.objects.filter(workspace=workspace, state="speaking").count()


def _disputes(workspace: Workspace) -> int:
    return Dispute.objects.filter(top_up__workspace=workspace, state=DisputeState.OPEN).count()


def _owners(workspace: Workspace) -> list[Member]:
    members = Member.objects.filter(workspace=workspace, role=Role.OWNER, user__is_active=True)
    return list(members.select_related("user").order_by("pk"))


def _mail(closing: Closing, what: str, person: User, *, owner: bool, by: User | None) -> None:
    """Of no workspace, so that it is there when everything of the workspace has gone."""
    workspace = closing.workspace
    context = {
        "workspace": workspace,
        "closing": closing,
        "owner": owner,
        "by": by,
        "what": what,
        "paid": usd_balance(accounts.balance(workspace).paid_micros),
        "link": settings.SITE_URL + reverse("workspace_close", kwargs={"workspace": workspace.slug}),
    }
    write_mail("closing", f"{closing.pk}:{what}", person.email, "studio/mail/closing", context)


def waiting_closings() -> Waiting:
    """For the first page of the admin site."""
    rows = Closing.objects.filter(state__in=CLOSING)
    stuck = rows.filter(state=ClosingState.SETTLING).count()
    return Waiting(rows.count(), f"{stuck} wait for their money" if stuck else "")


KIND = Kind("closing", Closing.objects.filter(state__in=CLOSING).all, task="studio.move_closing", argument="closing_id")
