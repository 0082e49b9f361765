"""The demo workspace: its people, its credit and its first video. Safe to run again: nothing piles up."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

from allauth.account.models import EmailAddress
from django.conf import settings
from django.db import transaction

from avatarsite.local_secrets import kept_secret
from avatarsite.workspaces.models import Member, Role, User, Workspace
from billing.ledger import posting
from billing.prices import price_book
from studio.models import Render, RenderState
from studio.pipeline.desk import sale
from studio.pipeline.request.render_request import RenderRequest
from studio.pipeline.request.take import retry_render, take
from studio.projects import project_for_new_video
from studio.uploads.samples import add_samples

SLUG = "demo"
CREDIT_MICROS = 25_000_000
# Change it when the engine draws differently, and the next demo renders anew.
FIRST_VIDEO_KEY = "demo:first-video:1"


@dataclass(frozen=True, slots=True)
class Person:
    name: str
    email: str
    role: Role
    operator: bool = False


PEOPLE = (
    Person("Olivia Owner", "owner@demo.example", Role.OWNER),
    Person("Victor Viewer", "viewer@demo.example", Role.VIEWER),
    Person("Ada Operator", "operator@demo.example", Role.ADMIN, operator=True),
)


@dataclass(frozen=True, slots=True)
class Login:
    email: str
    password: str
    what_for: str


def seed_demo() -> tuple[Workspace, list[Login]]:
    """Make, or find, the workspace with its people, its credit and the price book."""
    password = _password()
    with transaction.atomic():
        price_book.seed_prices()
        sale.all_offers()
        workspace, _ = Workspace.objects.get_or_create(slug=SLUG, defaults={"name": "Demo studio"})
        logins = [_login(workspace, person, password) for person in PEOPLE]
        posting.grant(workspace, CREDIT_MICROS, key="demo:credit", reason="Demo credit")
    return workspace, logins


def first_video(workspace: Workspace) -> Render:
    """Ask for the sample video; asking again gives the same one."""
    portrait, voice = add_samples(workspace)
    owner = User.objects.get(email=PEOPLE[0].email)
    request = RenderRequest(workspace, project_for_new_video(workspace), portrait, voice, title="Welcome aboard")
    render = take(request, user=owner, idempotency_key=FIRST_VIDEO_KEY)[0]
    while render.ended and render.state != RenderState.READY:
        render = retry_render(render, user=owner, idempotency_key=f"demo:after:{render.pk}")
    return render


def _login(workspace: Workspace, person: Person, password: str) -> Login:
    user = User.objects.filter(email=person.email).first()
    if user is None:
        user = User(email=person.email, name=person.name, is_staff=person.operator, is_superuser=person.operator)
        user.set_password(password)
        user.save()
    EmailAddress.objects.get_or_create(user=user, email=person.email, defaults={"verified": True, "primary": True})
    Member.objects.get_or_create(workspace=workspace, user=user, defaults={"role": person.role})
    return Login(person.email, password, f"{person.role.label}{' and admin site' if person.operator else ''}")


def _password() -> str:
    """One password for this machine's demo, so that a demo that somebody exposes has no password known to all."""
    return kept_secret(Path(settings.VAR_DIR) / "demo_password", lambda: secrets.token_hex(4))
