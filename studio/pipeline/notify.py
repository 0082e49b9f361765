"""Notices to whoever asked: one mail for what was asked for in one breath, owed with the end of its last render."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count, Max, Q, QuerySet, Sum
from django.utils import timezone

from avatarsite.workspaces.mail_choice import FINISHED, wants, write_optional
from avatarsite.workspaces.models import ApiToken, Member, User, Workspace
from billing.money import usd, usd_at_most
from studio.helps import help_of
from studio.models import BatchTable, Render, RenderGroup, RenderState, RowState, TableState
from studio.models.renders import ALIVE
from studio.pipeline.lateness.usual import usual_now

# A draft is there before its mail would be; who waits on the page needs none.
WORTH_A_MAIL = timedelta(seconds=45)
BREATH = timedelta(minutes=1)
LONGEST_BREATH = timedelta(hours=1)  # of a program that asks without an end


def file_notice(render: Render) -> None:
    """Owe the person who asked a mail; called in the transaction that ends the render, at its very end."""
    person = render.requested_by if render.notify else None
    if render.state in (RenderState.READY, RenderState.FAILED):
        for each in render.mail_to.filter(is_active=True):
            if _gets_it(each, render):
                _write(render.workspace, render.pk, each, "studio/mail/render_ended", _about_one(render))
    if person is None or not _is_worth_it(_asked_at(render)) or not _gets_it(person, render):
        return
    if render.group is not None:
        _write_about_all(render.group, person)
    elif render.token is not None:
        _write_about_breath(render, render.token, person)
    elif render.state in (RenderState.READY, RenderState.FAILED):
        _write(render.workspace, render.pk, person, "studio/mail/render_ended", _about_one(render))


def file_late_notice(render: Render) -> None:
    """Owe word that it takes long, once a group, and once an hour of what one program asks for."""
    person = render.requested_by
    asked = [person] if person and render.notify else []
    program = f"{render.token_id}:{timezone.now():%Y%m%d%H}" if render.token_id else ""
    about = f"{render.group_id or program or render.pk}:late"
    for each in {*asked, *render.mail_to.filter(is_active=True)}:
        if _gets_it(each, render):
            facts = _about_one(render) | {"late": late_words(render)}
            _write(render.workspace, about, each, "studio/mail/render_late", facts)


def late_words(render: Render) -> str:
    """How long it has been at its provider, against what is usual there."""
    usual = usual_now(render)
    since = round((timezone.now() - render.state_since).total_seconds() / 60)
    now = f"It has been in the making for {since} minutes" if since > 1 else "It takes longer than it should"
    if usual is None:
        return f"{now}, which is long."
    return f"{now}; usually it takes {usual} here, and nine in ten are there by then."


def file_batch_notice(group: RenderGroup, person: User | None) -> None:
    """As above, of a batch whose last video may have ended before all had been asked for."""
    last = group.renders.order_by("pk").last()
    if person is not None and last is not None and _is_worth_it(group.created_at) and _gets_it(person, last):
        _write_about_all(group, person)


def _gets_it(person: User, render: Render) -> bool:
    here = Member.objects.filter(workspace=render.workspace_id, user=person, user__is_active=True)
    return wants(person, FINISHED) and here.exists()


def _asked_at(render: Render) -> datetime:
    return render.group.created_at if render.group else render.created_at


def _is_worth_it(asked_at: datetime) -> bool:
    return timezone.now() - asked_at >= WORTH_A_MAIL


def _about_one(render: Render) -> dict[str, Any]:
    return {
        "render": render,
        "ready": render.state == RenderState.READY,
        "help": help_of(render.failure_code),
        "charge": usd(render.charge_micros or 0),
        "held": usd_at_most(render.ceiling_micros),
        "link": f"{settings.SITE_URL}/w/{render.workspace.slug}/videos/{render.pk}/",
    }


def _write_about_all(group: RenderGroup, person: User) -> None:
    """What came of a group; nothing while one of it is alive or is still to be asked for, or when all were cancelled.

    The group is locked, so that of two renders that end at once the second one sees the first.
    """
    group = (
        RenderGroup.objects.select_for_update(of=("self",), no_key=True).select_related("workspace").get(pk=group.pk)
    )
    table = BatchTable.objects.filter(group=group).first()
    if table is not None and table.state == TableState.MAKING:
        return
    # Of a table's row that was asked for again, the last one counts.
    counted = Render.objects.filter(batch_row__table=table) if table else Render.objects.filter(group=group)
    # Asked with the end of each of them: a batch of thousands is counted once, at its own end.
    if Render.objects.filter(group=group, deadline_at__isnull=False).exists():
        return
    facts = _counts(counted)
    if not facts["ready"] + facts["failed"]:
        return
    path = f"batches/{table.pk}/" if table else "videos/"
    more = {
        "group": group,
        "table": table,
        "left_out": table.rows.filter(state=RowState.BAD).count() if table else 0,
        "link": f"{settings.SITE_URL}/w/{group.workspace.slug}/{path}",
    }
    # What is asked for later, in place of what failed, is told of as well.
    about = f"{group.pk}:{facts['last']}" if table else group.pk
    _write(group.workspace, about, person, "studio/mail/batch_ended", {**facts, **more})


def _write_about_breath(render: Render, token: ApiToken, person: User) -> None:
    """What came of all that a program asked for in one breath; nothing while one of them is alive.

    That is each within a minute of the one before, while an earlier one was being made. The token is locked as a group.
    """
    ApiToken.objects.select_for_update(no_key=True).get(pk=token.pk)
    breath = _breath_of(render)
    facts = _counts(Render.objects.filter(pk__in=[one.pk for one in breath]))
    if facts["alive"] or not facts["ready"] + facts["failed"]:
        return
    first = breath[0]
    if len(breath) == 1:
        _write(first.workspace, first.pk, person, "studio/mail/render_ended", _about_one(first))
        return
    link = f"{settings.SITE_URL}/w/{first.workspace.slug}/videos/"
    _write(first.workspace, first.pk, person, "studio/mail/batch_ended", {**facts, "link": link})


def _breath_of(render: Render) -> list[Render]:
    """Oldest first."""
    asked = Render.objects.filter(
        token=render.token,
        requested_by=render.requested_by,
        group=None,
        whole=None,
        notify=True,
        created_at__range=(render.created_at - LONGEST_BREATH, render.created_at + LONGEST_BREATH),
    )
    breath: list[Render] = []
    for one in asked.select_related("workspace").order_by("created_at", "pk"):
        if breath and not _goes_on(breath, one):
            if render in breath:
                break
            breath = []
        breath.append(one)
    return breath


def _goes_on(breath: list[Render], one: Render) -> bool:
    quiet = one.created_at - breath[-1].created_at > BREATH or one.created_at - breath[0].created_at > LONGEST_BREATH
    return not quiet and any(each.finished_at is None or each.finished_at > one.created_at for each in breath)


def _counts(renders: QuerySet[Render]) -> dict[str, Any]:
    facts = renders.aggregate(
        alive=Count("pk", filter=Q(state__in=ALIVE)),
        ready=Count("pk", filter=Q(state=RenderState.READY)),
        failed=Count("pk", filter=Q(state=RenderState.FAILED)),
        cancelled=Count("pk", filter=Q(state=RenderState.CANCELLED)),
        charged=Sum("charge_micros", default=0),
        parts_paid=Count("pk", filter=~Q(state=RenderState.READY) & Q(charge_micros__gt=0)),
        last=Max("pk"),
    )
    return {**facts, "charged": usd(facts["charged"])}


def _write(workspace: Workspace, about: str, person: User, template: str, facts: dict[str, Any]) -> None:
    write_optional(FINISHED, about, person, template, facts, workspace=workspace)
