"""Template tags and filters of the dashboard."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache

from django import template
from django.template.loader import render_to_string
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from avatarsite.ids import new_id
from avatarsite.workspaces.models import Workspace
from billing.ledger import posting
from billing.ledger.posting import Balance
from billing.statements.statements import OpenHold, StatementLine
from studio.library import running_count
from studio.models import Render, RenderState, Upload
from studio.pipeline.cancel import is_stopping
from studio.pipeline.request.make_real import DRAFT, titled

register = template.Library()

RENDER = "render:"
MAX_LINKS = 5_000  # half a kilobyte each

# Entries of the rail, and the further pages that light them up.
PAGES = {
    "videos": (
        "video", "video_cancel", "video_change", "video_rename", "video_delete", "video_share", "video_share_revoke",
    ),
    "projects": ("project", "project_new", "project_change"),
    "uploads": ("upload_delete", "pronunciations", "pronunciation_delete"),
    "developers": (
        "gateway", "approvals", "agents", "token_rotate", "token_revoke", "webhooks", "webhook_new", "webhook_endpoint",
        "webhook_change", "webhook_delete",
        "webhook_delivery", "webhook_secret", "webhook_rotate", "webhook_replay",
    ),
    "balance": (
        "statement", "statement_check", "usage", "budgets", "promotion", "topup", "topup_new", "topups", "auto_topup",
        "card_back",
    ),
}  # fmt: skip
BELONGS_TO = {page: entry for entry, pages in PAGES.items() for page in pages}

# state: (icon, tone, does the icon spin)
BADGES: dict[str, tuple[str, str, bool]] = {
    RenderState.SPEAKING: ("turn", "busy", True),
    RenderState.QUEUED: ("clock", "busy", False),
    RenderState.SUBMITTING: ("turn", "busy", True),
    RenderState.RENDERING: ("turn", "busy", True),
    RenderState.INGESTING: ("turn", "busy", True),
    RenderState.JOINING: ("turn", "busy", True),
    RenderState.READY: ("check", "good", False),
    RenderState.FAILED: ("alert", "bad", False),
    RenderState.CANCELLED: ("stop", "", False),
}


@dataclass(frozen=True, slots=True)
class HeaderStatus:
    """The header: how many videos are being made, and the credit."""

    running: int
    balance: Balance


@register.simple_tag
def header_status_of(workspace: Workspace) -> HeaderStatus:
    return HeaderStatus(running_count(workspace), posting.balance(workspace))


@register.simple_tag
def running_of(renders: Iterable[Render]) -> str:
    """The query that asks for those that are being made; nothing where all have ended."""
    return "&".join(f"id={render.pk}" for render in renders if not render.ended)


@dataclass(frozen=True, slots=True)
class Titled:
    """A line or a hold of the statement with the video that it is about; no title for one that has been deleted."""

    line: StatementLine | OpenHold
    render: str
    title: str


@register.simple_tag
def titles_of(
    lines: Sequence[StatementLine], holds: Sequence[OpenHold], workspace: Workspace
) -> dict[str, list[Titled]]:
    """The videos' titles for ``render:rnd_…`` subjects, in one query: billing itself knows no video."""
    subjects = [*(line.subject for line in lines), *(hold.subject for hold in holds)]
    ids = {subject.removeprefix(RENDER) for subject in subjects if subject.startswith(RENDER)}
    videos = Render.objects.for_workspace(workspace).filter(pk__in=ids).values_list("pk", "title", "model")
    titles = {pk: titled(title, model) for pk, title, model in videos}

    def about(line: StatementLine | OpenHold) -> Titled:
        render = line.subject.removeprefix(RENDER) if line.subject.startswith(RENDER) else ""
        return Titled(line, render, titles.get(render, ""))

    return {"lines": [about(line) for line in lines], "holds": [about(hold) for hold in holds]}


@register.simple_tag
def fresh_key() -> str:
    """An idempotency key for one form, so that pressing twice asks once."""
    return new_id("ask")


@register.filter
def given_back(render: Render) -> int:
    """What of the hold came back when the video was charged."""
    return render.ceiling_micros - (render.charge_micros or 0)


@register.simple_tag(takes_context=True)
def rail_link(context: template.Context, name: str, label: str, icon: str) -> SafeString:
    """One entry of the rail, or nothing where the page doesn't exist or there is no workspace."""
    workspace = context.get("workspace")
    match = getattr(context.get("request"), "resolver_match", None)
    here = match.url_name if match else ""
    try:
        href = reverse(name, kwargs={"workspace": workspace.slug}) if workspace else ""
    except NoReverseMatch:
        href = ""
    return _rail_link(href, label, icon, current=BELONGS_TO.get(here, here) == name)


@lru_cache(MAX_LINKS)
def _rail_link(href: str, label: str, icon: str, *, current: bool) -> SafeString:
    """Drawn once in a process, as long as its workspace is among the last that somebody came to."""
    return render_to_string(
        "components/rail_link.html", {"href": href, "label": label, "icon": icon, "current": current}
    )


@register.filter
def drafted(render: Render) -> bool:
    """Whether it is a draft, of our own engine."""
    return render.model == DRAFT


@register.simple_tag
def state_badge(render: Render) -> SafeString:
    return _badge(render.state, stopping=is_stopping(render))


@cache
def _badge(state: str, *, stopping: bool) -> SafeString:
    """Drawn once in a process, as the icons are."""
    icon, tone, spin = BADGES[state]
    label = "Stopping" if stopping else RenderState(state).label
    return render_to_string("components/badge.html", {"label": label, "icon": icon, "tone": tone, "spin": spin})


@register.filter
def seconds(ms: int | None) -> str:
    """``8417`` is "8.417 s": exact, because money is counted by it."""
    return "" if ms is None else f"{ms / 1000:,.3f}".rstrip("0").rstrip(".") + " s"


@register.filter
def clock(ms: int | None) -> str:
    """``68417`` is "1:08": for players and cards."""
    if ms is None:
        return ""
    minutes, rest = divmod(round(ms / 1000), 60)
    return f"{minutes}:{rest:02d}"


@register.filter
def took(elapsed: float | None) -> str:
    """Elapsed seconds in two words: "0.4 s", "12 s", "3 min 5 s", "1 h 2 min"."""
    if elapsed is None:
        return ""
    if elapsed < 10:
        return f"{elapsed:.1f} s"
    whole = round(elapsed)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


@register.filter
def since(end: datetime | None, start: datetime | None) -> float | None:
    """Seconds from ``start`` to ``end``, for ``took``."""
    return (end - start).total_seconds() if end and start else None


@register.filter
def when(at: datetime | None) -> SafeString | str:
    """How long ago, with the exact time on hover (put into the reader's own time zone by a script)."""
    if at is None:
        return ""
    exact = f"{at:%-d %b %Y, %H:%M:%S} UTC"
    return format_html('<time datetime="{}" title="{}">{}</time>', at.isoformat(), exact, ago(at, timezone.now()))


def ago(at: datetime, now: datetime) -> str:
    passed = (now - at).total_seconds()
    if passed < 0:
        return f"{at:%-d %b %Y}"
    if passed < 60:
        return "just now"
    if passed < 3600:
        return f"{int(passed // 60)} min ago"
    if passed < 24 * 3600:
        return f"{int(passed // 3600)} h ago"
    if passed < 7 * 24 * 3600:
        days = int(passed // (24 * 3600))
        return "yesterday" if days == 1 else f"{days} days ago"
    return f"{at:%-d %b}" if at.year == now.year else f"{at:%-d %b %Y}"


@register.filter
def lowerfirst(sentence: str) -> str:
    """For a sentence that goes on after a colon; what begins with an abbreviation stays as it is."""
    return sentence if sentence[:2].isupper() else sentence[:1].lower() + sentence[1:]


@register.filter
def ratio(upload: Upload) -> str:
    """The shape of a portrait in a word or as a ratio: "square", "2:3", "1.46:1"."""
    width, height = upload.width or 1, upload.height or 1
    if width == height:
        return "square"
    for across, down in ((2, 3), (3, 4), (4, 5), (9, 16), (1, 2), (3, 2), (4, 3), (5, 4), (16, 9), (2, 1)):
        if abs(width * down - height * across) * 100 <= height * across:
            return f"{across}:{down}"
    return f"{width / height:.2f}:1" if width > height else f"1:{height / width:.2f}"
