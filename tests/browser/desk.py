"""One row of everything that the admin site shows, and the addresses of all of its pages; runs in a site's process."""

from __future__ import annotations

import itertools
import re
import uuid
from datetime import timedelta
from typing import Any

from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from django.conf import settings
from django.contrib import admin
from django.contrib.admin.utils import quote
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import NoReverseMatch, get_resolver, reverse
from django.utils import timezone
from django_q.models import OrmQ, Task

from avatarsite.alerts import raise_alert
from avatarsite.inbox.models import InboundEvent
from avatarsite.legal.models import Acceptance, LegalText, Page
from avatarsite.mail.messages import write_mail
from avatarsite.models import Canary, ServiceNotice
from avatarsite.outbox.endpoints import make_endpoint, send_test
from avatarsite.outbox.events import fan_out
from avatarsite.outbox.models import Attempt, Delivery, Endpoint
from avatarsite.queue import jobs
from avatarsite.staff.models import StaffNote
from avatarsite.workspaces.invitations import invitations
from avatarsite.workspaces.models import MailDomain, Member, Role, Scope, User, Workspace
from avatarsite.workspaces.tokens import make_token
from billing.ledger import posting
from billing.models import AutoTopUp, Dispute, Hold, PromotionCode, Refund, StripeCustomer, TopUp, TopUpState, Usage
from billing.prices import price_book
from studio.gateway.models import GatewayFile, GatewayRequest, GatewayWebhook
from studio.lifecycle.models import Closing, Departure, Export
from studio.misuse.models import MisuseReport
from studio.models import (
    BatchRow,
    BatchTable,
    JobStatus,
    OfferDay,
    OfferHealth,
    Outcome,
    ProviderJob,
    Render,
    RenderGroup,
    ShareLink,
    TableState,
    UsualRouting,
)
from studio.pipeline.desk import sale
from studio.pipeline.request.render_request import RenderRequest
from studio.pipeline.request.take import take
from studio.projects import project_for_new_video
from studio.speech.plan import SpeechWish
from studio.speech.pronunciations import pronounce
from studio.speech.speak import speak
from studio.uploads.samples import add_samples
from studio.videos.retention import set_retention

LONG = "A title that is as long as people write them, and longer, so that it has to break somewhere in a list"
# Django's own, which answer to scripts or with a redirect.
OK, ELSEWHERE, FORBIDDEN = 200, 302, 403
NO_PAGES = {"jsi18n", "logout", "autocomplete", "view_on_site", "login"}


def furnish_rows() -> User:
    """Somebody who may do everything, with a row of each kind in their workspace."""
    staff = User.objects.create_superuser("desk@example.org", "correct horse battery", name="Dana Desk")
    workspace = staff.workspaces.get()
    _money(workspace, staff, _render(workspace, staff))
    _webhooks(workspace)
    _platform(workspace, staff)
    return staff


def furnish_desk() -> dict[str, Any]:
    """A cookie of somebody who may do everything, and every address of the admin site."""
    staff = furnish_rows()
    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(staff, backend=settings.AUTHENTICATION_BACKENDS[-1])
    paths, missing = _addresses()
    codes = {path: client.get(path).status_code for path in paths}
    return {
        "cookie": client.cookies[settings.SESSION_COOKIE_NAME].value,
        "paths": [path for path, code in codes.items() if code == OK],
        # A form that is not for this row leads back to it, and what is kept is not added or deleted by anybody.
        "broken": [f"{code} {path}" for path, code in codes.items() if code not in {OK, ELSEWHERE, FORBIDDEN}],
        "missing": missing,
    }


def _render(workspace: Workspace, staff: User) -> Render:
    price_book.seed_prices()
    sale.all_offers()
    posting.grant(workspace, 5_000_000, key="desk:grant", reason="A welcome gift")
    portrait, voice = add_samples(workspace)
    asked = RenderRequest(workspace, project_for_new_video(workspace), portrait, voice, title=LONG)
    render = take(asked, user=staff, idempotency_key="desk")[0]
    now = timezone.now()
    # It has ended for the worker of this site, which would work on it, and it looks like one that hangs.
    Render.objects.filter(pk=render.pk).update(next_try_at=None, created_at=now - timedelta(days=3))
    ProviderJob.objects.create(
        render=render,
        attempt=7,
        offer="fal:fal-ai/kling-video/ai-avatar/v2/pro",
        outcome=Outcome.ACCEPTED,
        status=JobStatus.FAILED,
        provider_job_id="0a1b2c3d-their-id-of-it",
        failure_code="content_policy_violation",
        finished_at=now,
    )
    OfferHealth.objects.update_or_create(
        offer="fal:fal-ai/kling-video/ai-avatar/v2/pro",
        defaults={"failures": 5, "open_until": now + timedelta(hours=1), "reason": "5 failures in a row"},
    )
    for back in range(3):
        OfferDay.objects.update_or_create(
            day=now.date() - timedelta(days=back),
            offer="fal:fal-ai/kling-video/ai-avatar/v2/pro",
            defaults={"videos": 90, "revenue_micros": 9 * 10**7, "cost_micros": 10**7, "ended": 9, "done": 8}
            | {"counted_at": now},
        )
    return render


def _money(workspace: Workspace, staff: User, render: Render) -> None:
    account = render.hold.account
    hold = Hold.objects.create(account=account, key="desk:spare", subject="desk:spare", amount_micros=0)
    Usage.objects.create(
        workspace=workspace, subject=f"render:{render.pk}", offer=render.offer, price=render.price, hold=hold,
        measured_ms=5_000, amount_micros=0,
    )  # fmt: skip
    customer = StripeCustomer.objects.create(
        workspace=workspace, stripe_id="cus_desk", livemode=False, email="desk@example.org", name=workspace.name
    )
    top_up, _ = (
        TopUp.objects.create(
            workspace=workspace, customer=customer, user=staff, amount_cents=200_000, livemode=False, state=state
        )
        for state in (TopUpState.REVIEW, TopUpState.FAILED)
    )
    Refund.objects.create(top_up=top_up, stripe_id="re_desk", amount_cents=500, reason=LONG, user=staff)
    due = timezone.now() + timedelta(days=9)
    Dispute.objects.create(
        top_up=top_up, stripe_id="dp_desk", state="open", status="needs_response", amount_cents=500, evidence_due_at=due
    )
    AutoTopUp.objects.create(workspace=workspace, set_by=staff)
    PromotionCode.objects.create(code="DESK", amount_micros=10**6, reason="A code for the desk", made_by=staff)


def _webhooks(workspace: Workspace) -> None:
    endpoint = make_endpoint(workspace, url="https://hooks.example.com/a/long/address/of/somebody", user=None)
    send_test(endpoint)
    fan_out(workspace.pk)
    Endpoint.objects.filter(pk=endpoint.pk).update(failures=2, dark_since=timezone.now(), state="paused")
    delivery = Delivery.objects.filter(endpoint=endpoint).latest("pk")
    Attempt.objects.create(delivery=delivery, at=timezone.now(), code=500, answer="no", took_ms=30)
    InboundEvent.objects.create(source="stripe", event_id="evt_desk", body=b"{}", outcome="KeyError: 'object'")
    InboundEvent.objects.update(received_at=timezone.now() - timedelta(hours=1))
    request = GatewayRequest.objects.create(
        workspace=workspace, protocol="fal", reference="00000000-0000-4000-8000-000000000000", model="fal-ai/kling",
        state="refused",
    )  # fmt: skip
    GatewayWebhook.objects.create(key="desk", request=request, state="given_up", last_answer="503 of their server")
    GatewayFile.objects.create(
        workspace=workspace, name="face.png", content_type="image/png", expires_at=timezone.now() + timedelta(days=1)
    )


def _platform(workspace: Workspace, staff: User) -> None:
    raise_alert("offer_paused", "desk", f"fal is paused for 600 s: quota: out of credit. {LONG}")
    write_mail("alert", "desk", "operator@example.org", "mail/alert", {"alert": None, "link": "https://example.org/"})
    owner = Member.objects.get(workspace=workspace, user=staff)
    # It ended before anybody else on this site could read it.
    ServiceNotice.objects.create(text=LONG, starts_at="2026-01-01T00:00Z", ends_at="2026-01-02T00:00Z")
    StaffNote.objects.create(workspace=workspace, author=staff, text=LONG, token=uuid.uuid4())
    UsualRouting.objects.create(workspace=workspace, reason="Pays by speed")
    LegalText.objects.create(page=Page.TERMS, body=f"# Terms\n\n{LONG}")
    Acceptance.objects.create(user=staff, page=Page.TERMS, text=LegalText.objects.get(), digest="0" * 64)
    speak(SpeechWish(workspace, "Words for the desk."))
    pronounce(workspace, "desk", "desque")
    table = BatchTable.objects.create(
        workspace=workspace,
        project=project_for_new_video(workspace),
        group=RenderGroup.objects.create(workspace=workspace, is_batch=True),
        name="people.csv",
        state=TableState.MADE,
    )
    BatchRow.objects.create(table=table, number=2, cells={"script": LONG}, errors=[["script", LONG]], state="bad")
    video = Render.objects.filter(workspace=workspace).latest("pk")
    ShareLink.objects.create(workspace=workspace, render=video)
    MisuseReport.objects.create(address=LONG, complaint="other", words=LONG, render=video, workspace=workspace)
    MailDomain.objects.create(workspace=workspace, name="a-long-name-of-a-company.example", proof=LONG[:60])
    invitations.invite(owner, "invited-by-the-desk@example.org", Role.VIEWER)
    make_token(workspace, user=staff, name="Of the desk", scopes=list(Scope))
    RecoveryCodes.activate(staff)
    Group.objects.get_or_create(name="Readers")
    ends = timezone.now() + timedelta(days=9)
    Closing.objects.create(workspace=workspace, asked_by=staff, ends_at=ends, why=LONG[:90])
    Departure.objects.create(user=staff, ends_at=ends)
    Export.objects.create(workspace=workspace, asked_by=staff)
    set_retention(workspace, 30, user=staff)
    Canary.objects.update_or_create(
        worker="desk-1", cluster=jobs.MAIN, defaults={"stamped_at": timezone.now() - timedelta(hours=1)}
    )
    moments = {"started": timezone.now(), "stopped": timezone.now()}
    for success in (True, False):
        Task.objects.create(
            id=f"desk{success}", name="studio.sweep", func="studio.tasks.sweep", success=success, **moments
        )
    OrmQ.objects.create(key="nobody", payload="nothing", lock=timezone.now())


def _addresses() -> tuple[list[str], list[str]]:
    """Every page: lists, rows, forms of new rows, and what pages of our own the rows have. What has no row is named."""
    paths, missing = [], []
    first: dict[str, Any] = {}
    for model in admin.site._registry:
        opts = model._meta
        rows = [] if not opts.managed else list(model._default_manager.order_by("-pk")[:1])
        first[f"{opts.app_label}_{opts.model_name}"] = rows[0].pk if rows else None
        if opts.managed and not rows:
            missing.append(opts.label)
    for name, route in _routes():
        owner = next((each for each in sorted(first, key=len, reverse=True) if name.startswith(f"{each}_")), "")
        if name in NO_PAGES or "csv" in route:
            continue
        arguments = re.findall(r"<(?:\w+:)?(\w+)>", route)
        pk = first.get(owner)
        if arguments and pk is None and name != "app_list":
            continue
        try:
            paths.append(reverse(f"admin:{name}", args=[quote(pk)] * len(arguments)))
        except NoReverseMatch:
            continue
    lists = [path for path in paths if re.fullmatch(r"/admin/\w+/\w+/", path)]
    return sorted({*paths, *itertools.chain(lists)}), missing


def _routes() -> list[tuple[str, str]]:
    (site,) = (each for each in get_resolver().url_patterns if getattr(each, "namespace", "") == "admin")
    patterns = itertools.chain.from_iterable(getattr(each, "url_patterns", [each]) for each in site.url_patterns)
    return [(pattern.name, str(pattern.pattern)) for pattern in patterns if pattern.name]
