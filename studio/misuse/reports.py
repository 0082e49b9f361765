"""Reports: taken from anybody, told to the operator, decided by staff."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.core.cache import cache
from django.db import transaction
from django.db.models import QuerySet
from django.urls import Resolver404, resolve
from django.utils import timezone

from avatarsite.alerts import close_alert, raise_alert
from avatarsite.audit.record import record
from avatarsite.desk import Waiting, age_of
from avatarsite.errors import DomainError
from avatarsite.http.public_addresses import parsed
from avatarsite.mail.messages import write_mail
from avatarsite.workspaces.models import User
from studio.misuse.models import OPEN, Complaint, MisuseReport, ReportState
from studio.models import Render, ShareLink
from studio.pipeline.content.withhold import withhold
from studio.sharing.links import link_behind, live_links, revoke_link

ALERT = "misuse_report"
WINDOW = 3_600
MAX_OF_ADDRESS = 5  # of one network address, in the window
MAX_OF_ALL = 300
MAX_MAILS = 3  # to one reporter in a day: the form is no way to fill a stranger's mailbox
RENDER = re.compile(r"\brnd_[0-9a-z]{20,40}\b")
NOT_OURS = "This is no link to a video of ours. Copy it from your browser’s address bar, or from where you saw it."


class NotOurs(DomainError):
    def __init__(self) -> None:
        super().__init__("misuse_address", NOT_OURS, field="address")


class TooManyReports(DomainError):
    def __init__(self) -> None:
        message = "Many reports have come from your address just now."
        super().__init__("rate_limited", message, remedy="Try again in an hour.", retry_after=WINDOW)


def take_report(  # noqa: PLR0913 -- what the form says, and who sends it
    *, address: str, complaint: Complaint, words: str, email: str, site: str, sent_from: str | None
) -> MisuseReport:
    """Write it down, and tell the operator and whoever left an address. Raises NotOurs, TooManyReports.

    Whether a link leads to a video, and whose, is nothing that the answer tells.
    """
    if not _is_ours(address, site):
        raise NotOurs
    _count(f"misuse:{sent_from}", MAX_OF_ADDRESS)
    _count("misuse:all", MAX_OF_ALL)
    link, render = _meant(address)
    with transaction.atomic():
        report = MisuseReport.objects.create(
            address=address,
            complaint=complaint,
            words=words,
            email=email,
            sent_from=sent_from,
            link=link,
            render=render,
            workspace=render.workspace if render else None,
        )
        what = f"“{render}” of {render.workspace}" if render else "a link that leads to no video now"
        told = f"Somebody reports {what}: {complaint.label.lower()}."
        raise_alert(ALERT, _about(report), told, report=report.pk, render=render.pk if render else "")
        if email and _mails_today(email) <= MAX_MAILS:
            write_mail("misuse_received", report.pk, email, "misuse/email/received", {"report": report})
    return report


def look_at(report: MisuseReport, *, staff: User) -> bool:
    """Somebody of the operator's has it in hand. False if it was looked at before."""
    with transaction.atomic():
        won = MisuseReport.objects.filter(pk=report.pk, state=ReportState.NEW).update(state=ReportState.SEEN)
        if won:
            _record(report, "misuse.seen", "looked at", why="", staff=staff)
    return bool(won)


def take_links_down(report: MisuseReport, *, why: str, staff: User) -> int:
    """Every share link of the video leads nowhere from now on; how many did."""
    if report.render is None:
        return 0
    with transaction.atomic():
        links = list(live_links(report.render).select_related("render", "workspace"))
        for link in links:
            revoke_link(link)
        _act(report, f"{len(links)} share link{'' if len(links) == 1 else 's'} taken down", why=why, staff=staff)
    return len(links)


def withhold_video(report: MisuseReport, *, why: str, staff: User) -> bool:
    """Nobody is given the video, its customer neither, who reads why. False if that was so."""
    if report.render is None:
        return False
    with transaction.atomic():
        won = withhold(report.render, why=why)
        if won:
            _act(report, "the video is withheld", why=why, staff=staff)
    return won


def decide(report: MisuseReport, state: ReportState, *, outcome: str, staff: User) -> bool:
    """End it, as acted upon or dismissed, and tell its reporter which. False if it was decided before."""
    with transaction.atomic():
        now = timezone.now()
        still = MisuseReport.objects.filter(pk=report.pk, state__in=OPEN)
        if not still.update(state=state, outcome=outcome, decided_by=staff, decided_at=now):
            return False
        report.refresh_from_db()
        _record(report, f"misuse.{state}", state.label.lower(), why=outcome, staff=staff)
        if not MisuseReport.objects.filter(render=report.render, state__in=OPEN).exists():
            close_alert(ALERT, _about(report))
        if report.email:
            write_mail("misuse_decided", report.pk, report.email, "misuse/email/decided", {"report": report})
    return True


def waiting() -> Waiting:
    found = MisuseReport.objects.filter(state__in=OPEN).order_by("created_at")
    oldest = found.first()
    return Waiting(found.count(), f"the oldest {age_of(oldest.created_at)} ago" if oldest else "")


def of_id(query: str) -> QuerySet[MisuseReport]:
    return MisuseReport.objects.filter(pk=query.lower())


def _act(report: MisuseReport, done: str, *, why: str, staff: User) -> None:
    look_at(report, staff=staff)
    _record(report, "misuse.action", done, why=why, staff=staff)


def _record(report: MisuseReport, event: str, done: str, *, why: str, staff: User) -> None:
    what = f"The report of misuse {report.pk}: {done}"
    record(event, what, workspace=report.workspace, target=report.pk, why=why, by=staff, shown=False)


def _about(report: MisuseReport) -> str:
    """One alert for a video, however many report it."""
    return report.render_id or "unknown"


def _is_ours(address: str, site: str) -> bool:
    hosts = {urlsplit(url).netloc.casefold() for url in (site, settings.SITE_URL)}
    return _read(address)[0].casefold() in hosts


def _meant(address: str) -> tuple[ShareLink | None, Render | None]:
    """What the address leads to, or did: by a share link or its player, or by an id that stands in it."""
    _, path = _read(address)
    match = None
    with suppress(Resolver404):
        match = resolve(path if path.endswith("/") or "." in path else f"{path}/")
    if match and match.url_name in {"shared", "shared_video", "shared_poster", "shared_captions", "embedded"}:
        link = link_behind(match.kwargs["key"])
        return link, link.render if link else None
    named = RENDER.search(path)
    render = Render.objects.select_related("workspace").filter(pk=named[0]).first() if named else None
    return None, render


def _read(address: str) -> tuple[str, str]:
    """Its host, with the port where it names one, and its path."""
    found = parsed(address if "://" in address else f"https://{address}")
    return (found.netloc.decode("ascii"), found.path) if found else ("", "")


def _count(key: str, most: int) -> None:
    cache.add(key, 0, WINDOW)
    if cache.incr(key) > most:
        raise TooManyReports


def _mails_today(email: str) -> int:
    return MisuseReport.objects.filter(email__iexact=email, created_at__gt=timezone.now() - timedelta(days=1)).count()
