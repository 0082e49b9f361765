"""Review of a video by guests of a share link: comments at its moments, a yes or a wish for a change."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from avatarsite.errors import DomainError
from avatarsite.outbox import events
from avatarsite.queue.due_rows import Kind
from avatarsite.workspaces.mail_choice import FINISHED, write_optional
from avatarsite.workspaces.models import Member, User
from studio.errors import RequestRefused
from studio.models import Render, ReviewComment, ShareLink, Verdict

MAX_TEXT, MAX_NAME = 2_000, 60
MAX_COMMENTS = 300  # behind one link
AT_ONCE, WINDOW = 20, 600  # comments from one address at one link, and the seconds that they count for
GATHERED = timedelta(minutes=5)  # what is written within is told in one mail
EVENT = "render.reviewed"


class TooManyComments(DomainError):
    def __init__(self) -> None:
        message = "Many comments came from your address in a short time."
        super().__init__("rate_limited", message, remedy="Write on in ten minutes.", retry_after=WINDOW)


def add_comment(  # noqa: PLR0913 -- what somebody says, and where
    link: ShareLink, *, author: str, text: str, verdict: Verdict, at_ms: int | None, address: str
) -> ReviewComment:
    """Raises RequestRefused, TooManyComments."""
    author, text = " ".join(author.split()), text.strip()
    _check(link, author, text, verdict, at_ms)
    _throttle(link, address)
    with transaction.atomic():
        now = timezone.now()
        locked = ShareLink.objects.select_for_update(of=("self",)).get(pk=link.pk)
        if locked.revoked_at:
            raise RequestRefused("", "review_closed", "This link has been taken back.")
        if locked.comments.count() >= MAX_COMMENTS:
            told = f"There are {MAX_COMMENTS} comments here already."
            raise RequestRefused("text", "review_full", told, "Ask whoever sent the link for a new one.")
        comment = ReviewComment.objects.create(
            workspace=link.workspace,
            render=link.render,
            link=link,
            author=author,
            text=text,
            verdict=verdict,
            at_ms=at_ms,
        )
        if locked.tell_at is None:
            ShareLink.objects.filter(pk=link.pk).update(tell_at=now + GATHERED)
        subject = f"render:{link.render_id}"
        events.record_event(link.workspace_id, EVENT, subject=subject, data=serialize_comment(comment))
    return comment


def comments_on(render: Render) -> QuerySet[ReviewComment]:
    """In the order of the video: what is about the whole of it first."""
    return ReviewComment.objects.filter(render=render).order_by(F("at_ms").asc(nulls_first=True), "id")


def comments_behind(link: ShareLink) -> QuerySet[ReviewComment]:
    """What guests of one link see: what was written behind it, and nothing of other links."""
    return comments_on(link.render).filter(link=link)


def verdict_on(render: Render) -> ReviewComment | None:
    """The newest yes or wish for a change that stands."""
    said = ReviewComment.objects.filter(render=render, resolved_at=None).exclude(verdict=Verdict.NONE)
    return said.order_by("id").last()


def resolve(comment: ReviewComment, *, user: User | None, done: bool = True) -> None:
    """Mark it as dealt with, or as open again. Twice is once."""
    open_or_not = ReviewComment.objects.filter(pk=comment.pk, resolved_at__isnull=done)
    open_or_not.update(resolved_at=timezone.now() if done else None, resolved_by=user if done else None)


def serialize_comment(comment: ReviewComment) -> dict[str, Any]:
    """As the API and webhooks give it."""
    return {
        "id": comment.pk,
        "render": comment.render_id,
        "share": comment.link_id,
        "author": comment.author,
        "text": comment.text,
        "verdict": comment.verdict or None,
        "at_ms": comment.at_ms,
        "created_at": _moment(comment.created_at),
        "resolved_at": _moment(comment.resolved_at) if comment.resolved_at else None,
    }


def tell_owner(link: ShareLink) -> bool:
    """One mail about what was written since the first of it, to who made the link."""
    with transaction.atomic():
        now = timezone.now()
        if not ShareLink.objects.filter(pk=link.pk, tell_at=link.tell_at).update(tell_at=None):
            return False
        since = (link.tell_at or now) - GATHERED - timedelta(seconds=1)
        new = list(link.comments.filter(created_at__gte=since).order_by("id"))
        person = link.made_by or link.render.requested_by
        here = person and Member.objects.filter(workspace=link.workspace, user=person, user__is_active=True).exists()
        if new and person and here:
            facts = {
                "render": link.render,
                "comments": new,
                "link": f"{settings.SITE_URL}/w/{link.workspace.slug}/videos/{link.render_id}/#review",
            }
            about = f"{link.pk}:{new[-1].pk}"
            write_optional(FINISHED, about, person, "studio/mail/review", facts, workspace=link.workspace)
    return True


def _check(link: ShareLink, author: str, text: str, verdict: Verdict, at_ms: int | None) -> None:
    if not link.allow_review:
        raise RequestRefused("", "review_closed", "Nothing can be written here.")
    if not author or len(author) > MAX_NAME:
        told = "Your name is missing." if not author else f"The name has more than {MAX_NAME} characters."
        raise RequestRefused("author", "review_name", told, "Write one, so that it is known who says so.")
    if len(text) > MAX_TEXT:
        told = f"The comment has {len(text):,} characters; the limit is {MAX_TEXT:,}."
        raise RequestRefused("text", "review_text", told, "Shorten it, or write two.")
    if not text and verdict != Verdict.APPROVED:
        raise RequestRefused("text", "review_text", "The comment is empty.", "Write what you think, or what to change.")
    if at_ms is not None and at_ms > (link.render.measured_ms or 0):
        raise RequestRefused("at", "review_moment", "The video is not that long.", "Choose a moment within it.")


def _throttle(link: ShareLink, address: str) -> None:
    key = f"review:{link.pk}:{address}"
    cache.add(key, 0, WINDOW)
    if cache.incr(key) > AT_ONCE:
        raise TooManyComments


def _moment(at: Any) -> str:
    return str(at.isoformat().replace("+00:00", "Z"))


KIND = Kind(
    "review",
    ShareLink.objects.select_related("render__requested_by", "workspace", "made_by").all,
    at="tell_at",
    act=tell_owner,
    what="Telling of what guests wrote",
)
