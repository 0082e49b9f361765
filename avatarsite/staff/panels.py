"""The platform's panels of a customer's page: people, tokens, mails, notes."""

from __future__ import annotations

from typing import Any

from avatarsite.mail.models import MailMessage
from avatarsite.staff.customer import Panel, add_panel
from avatarsite.workspaces.models import ApiToken, Invitation, Member, Workspace

ROWS = 10


def _people(workspace: Workspace) -> dict[str, Any]:
    members = Member.objects.filter(workspace=workspace).select_related("user").order_by("pk")
    waiting = Invitation.objects.filter(workspace=workspace, accepted_at=None, revoked_at=None)
    return {"members": list(members[:50]), "invitations": list(waiting.order_by("-pk")[:ROWS])}


def _tokens(workspace: Workspace) -> dict[str, Any]:
    tokens = ApiToken.objects.filter(workspace=workspace).select_related("made_by").order_by("revoked_at", "-pk")
    return {"tokens": list(tokens[:ROWS])}


def _mails(workspace: Workspace) -> dict[str, Any]:
    return {"mails": list(MailMessage.objects.filter(workspace=workspace).order_by("-created_at")[:ROWS])}


def _notes(workspace: Workspace) -> dict[str, Any]:
    return {"notes": list(workspace.staff_notes.select_related("author").order_by("-pk")[:50])}


add_panel(Panel(20, "Notes", "staff.view_staffnote", "admin/customer/notes.html", _notes))
add_panel(Panel(70, "People", "workspaces.view_member", "admin/customer/people.html", _people))
add_panel(Panel(80, "Tokens", "workspaces.view_apitoken", "admin/customer/tokens.html", _tokens))
add_panel(Panel(90, "Mails", "mail.view_mailmessage", "admin/customer/mails.html", _mails))
