"""Return of a video's charge by an operator: once, by the ledger's reversal, with a reason that is told."""

from __future__ import annotations

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from avatarsite.mail.messages import write_mail
from avatarsite.mail.recipients import in_charge
from avatarsite.workspaces.access import Action
from avatarsite.workspaces.models import User
from billing.errors import CannotReverse
from billing.models import Transfer, TransferKind
from billing.money import usd
from billing.usage import metering
from studio.models import Render
from studio.models.renders import ENDED
from studio.pipeline import states
from studio.pipeline.desk import offer_days
from studio.pipeline.long.tally import parts_of

KIND = "charge_returned"


def give_charge_back(render: Render, *, reason: str, actor: User | None) -> bool:
    """Give back all that was charged. False if nothing was, or it has been given back, also a moment ago.

    The video stays, and so does what its provider gets. ``reason`` goes to the statement, the receipt, the history and
    a mail to those who manage the balance. Raises CannotReverse when all of the charge was reversed by hand.
    """
    with transaction.atomic():
        if render.whole_id:
            return False
        charged = Render.objects.filter(pk=render.pk, state__in=ENDED, returned_at=None, charge_micros__gt=0)
        won = charged.update(
            returned_micros=F("charge_micros"), returned_at=timezone.now(), returned_reason=reason.strip()
        )
        if not won:
            return False
        # Of a long video each of its parts once; those that it kept from another were paid for there.
        for one in parts_of(render).filter(charge_micros__gt=0) if render.is_whole else [render]:
            _give_one_back(one, reason, actor)
        states.note(render, f"the charge was given back: {reason.strip()}")
        render.refresh_from_db()
        _owe_mail(render)
    return True


def _give_one_back(render: Render, reason: str, actor: User | None) -> None:
    """The one charge that there is for it; of a part its row says so, as that of its whole does."""
    part = Render.objects.filter(pk=render.pk, whole__isnull=False)
    part.update(returned_micros=F("charge_micros"), returned_at=timezone.now(), returned_reason=reason.strip())
    if not metering.reverse_charge(render.hold, reason=f"Given back: {reason.strip()}", actor=actor):
        raise CannotReverse(f"The charge of {render.pk} was given back before; run manage.py verify_ledger.")
    offer_days.count_again(render.hold.usage.created_at.date())


def _owe_mail(render: Render) -> None:
    path = f"/w/{render.workspace.slug}"
    links = {
        "link": f"{settings.SITE_URL}{path}/videos/{render.pk}/",
        "statement": f"{settings.SITE_URL}{path}/statement/",
    }
    for member in in_charge(render.workspace, Action.MANAGE_BILLING):
        facts = {"render": render, "workspace": render.workspace, "amount": usd(render.returned_micros), **links}
        write_mail(KIND, render.pk, member.user.email, "studio/mail/charge_returned", facts, workspace=render.workspace)


def terms_of(render: Render) -> str:
    """What giving the charge back would do, as a sentence for the operator."""
    if render.whole_id:
        return "it is a part; the charge of its whole can be given back."
    if render.returned_at:
        return f"its charge was given back on {render.returned_at:%-d %B %Y}."
    if not render.paid_micros:
        return "nothing was charged for it."
    holds = parts_of(render) if render.is_whole else Render.objects.filter(pk=render.pk)
    charges = Transfer.objects.filter(hold__in=holds.values("hold"), kind=TransferKind.SETTLE, reversals=None)
    left = list(charges.select_related("lot"))
    if not left:
        return "its charge was reversed by hand; nothing is left of it."
    now = timezone.now()
    ended = [line for line in left if line.lot and line.lot.expires_at and line.lot.expires_at <= now]
    told = f"{usd(sum(line.amount_micros for line in left))} goes back to the credit that paid it."
    if not ended:
        return told
    lapses = usd(sum(line.amount_micros for line in ended))
    return f"{told} {lapses} of that is of credit that has ended, and lapses at once; grant credit instead of it."
