"""Share links: made, found by their address, revoked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.core.signing import BadSignature, Signer
from django.db import transaction
from django.db.models import Q, QuerySet
from django.urls import Resolver404, resolve, reverse
from django.utils import timezone

from avatarsite.audit.record import record
from avatarsite.errors import DomainError
from avatarsite.http.public_addresses import parsed
from avatarsite.workspaces.models import User
from studio.models import Render, RenderState, ShareLink
from studio.papers.verify import render_named

MAX_LINKS = 50  # of one video that work at once
MAX_ORIGINS = 20
PASSWORD_LENGTH = 100
EVERY_PAGE = "*"
_signer = Signer(salt="studio.sharing")


class ShareRefused(DomainError):
    """``field`` names what can't be as asked; the message says why and what to do."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"share_{field}", message, field=field)


@dataclass(frozen=True, slots=True)
class Terms:
    """What a link allows: until when, behind which password, whether to download, and where to embed."""

    expires_at: datetime | None = None
    password: str = ""
    allow_download: bool = False
    allow_review: bool = False
    embed_origins: tuple[str, ...] = ()


def make_link(render: Render, terms: Terms, *, user: User | None) -> ShareLink:
    """A new link to a video that is ready. Raises ShareRefused."""
    if terms.expires_at is not None and terms.expires_at <= timezone.now():
        raise ShareRefused("expires_at", "The link would end before it begins. Choose a time to come, or none.")
    if len(terms.password) > PASSWORD_LENGTH:
        raise ShareRefused(
            "password", f"The password has more than {PASSWORD_LENGTH} characters. Choose a shorter one."
        )
    origins = _origins(terms.embed_origins)
    if origins and terms.password:
        sentence = "A page that embeds a video can’t ask for its password. Leave one of the two out."
        raise ShareRefused("embed_origins", sentence)
    with transaction.atomic():
        video = Render.objects.select_for_update(of=("self",)).get(pk=render.pk)
        if not is_watchable(video):
            raise ShareRefused("render", "Only a video that is ready, and whose files are there, can be shared.")
        if live_links(video).count() >= MAX_LINKS:
            raise ShareRefused("render", f"A video has at most {MAX_LINKS} links. Revoke one that is not used.")
        link = ShareLink.objects.create(
            workspace=video.workspace,
            render=video,
            made_by=user,
            password=make_password(terms.password) if terms.password else "",
            allow_download=terms.allow_download,
            allow_review=terms.allow_review,
            embed_origins=list(origins),
            expires_at=terms.expires_at,
        )
        what = f"A link to the video {video} was made"
        record("share.made", what, workspace=video.workspace, target=link.pk, by=user)
    return link


def revoke_link(link: ShareLink) -> None:
    """From now on it leads nowhere. Twice is once."""
    with transaction.atomic():
        if ShareLink.objects.filter(pk=link.pk, revoked_at=None).update(revoked_at=timezone.now()):
            what = f"The link to the video {link.render} was revoked"
            record("share.revoked", what, workspace=link.workspace, target=link.pk)


def live_links(render: Render) -> QuerySet[ShareLink]:
    """Those of a video that still lead to it, newest first."""
    still = Q(expires_at=None) | Q(expires_at__gt=timezone.now())
    return ShareLink.objects.filter(still, render=render, revoked_at=None).order_by("-id")


def link_of(key: str) -> ShareLink | None:
    """The link behind an address, if it leads to its video now; None for whatever else."""
    link = link_behind(key)
    if (
        link is None
        or link.revoked_at
        or (link.expires_at and link.expires_at <= timezone.now())
        or link.workspace.suspended_at
    ):
        return None
    return link if is_watchable(link.render) else None


def link_behind(key: str) -> ShareLink | None:
    """The same, whether or not it leads anywhere now."""
    try:
        pk = _signer.unsign(key)
    except BadSignature:
        return None
    return ShareLink.objects.select_related("render", "workspace").filter(pk=pk).first()


def link_at(url: str, *, site: str = "") -> ShareLink | None:
    """The link whose page, or player, has this address, at ``site`` where one is named; None for whatever else."""
    try:
        parts = urlsplit(url)
    except ValueError:  # what somebody pastes is anybody's guess
        return None
    if site and f"{parts.scheme}://{parts.netloc}" != site:
        return None
    try:
        match = resolve(parts.path)
    except Resolver404:
        return None
    return link_of(match.kwargs["key"]) if match.url_name in {"shared", "embedded"} else None


def video_named(text: str) -> Render:
    """The video behind a link of ours, or whose id stands in what somebody pasted. Raises NotVerified."""
    link = link_at(text)
    return link.render if link else render_named(text)


def is_watchable(render: Render) -> bool:
    return bool(
        render.state == RenderState.READY
        and render.given_out
        and not render.files_deleted_at
        and render.purge_at is None
    )


def key_of(link: ShareLink) -> str:
    return _signer.sign(link.pk)


def address_of(link: ShareLink, name: str = "shared", *, site: str = "") -> str:
    """The absolute address of the link's page, or of its player (``embedded``), at ``site`` where it has another."""
    return f"{site or settings.SITE_URL}{reverse(name, kwargs={'key': key_of(link)})}"


def embed_snippet(link: ShareLink, *, site: str = "") -> str:
    """The HTML that shows the player in somebody's page."""
    width, height = link.render.width or 1280, link.render.height or 720
    return (
        f'<iframe src="{address_of(link, "embedded", site=site)}" width="{width}" height="{height}" title="Video" '
        'style="max-width: 100%; border: 0" allow="fullscreen" loading="lazy"></iframe>'
    )


def _origins(asked: Iterable[str]) -> tuple[str, ...]:
    wanted = tuple(dict.fromkeys(each.strip() for each in asked if each.strip()))
    if EVERY_PAGE in wanted:
        return (EVERY_PAGE,)
    if len(wanted) > MAX_ORIGINS:
        raise ShareRefused("embed_origins", f"At most {MAX_ORIGINS} sites. For every page write {EVERY_PAGE}.")
    return tuple(_origin(each) for each in wanted)


def _origin(text: str) -> str:
    url = parsed(text if "://" in text else f"https://{text}")
    if url is None or url.scheme not in {"http", "https"} or not url.host or url.path not in {"", "/"} or url.query:
        sentence = f"“{text[:100]}” is no site. Write one as https://www.example.com, or {EVERY_PAGE} for every page."
        raise ShareRefused("embed_origins", sentence)
    return f"{url.scheme}://{url.netloc.decode('ascii')}"
