from __future__ import annotations

from pathlib import Path
from typing import Any

from django import template
from django.conf import settings
from django.urls import reverse

from avatarsite.workspaces.access import may, power_over
from avatarsite.workspaces.allauth_adapter import MAIL_SENT_TO
from avatarsite.workspaces.invitations import pending
from avatarsite.workspaces.models import Member
from avatarsite.workspaces.signing_in.sessions import browser

register = template.Library()


@register.inclusion_tag("workspaces/mail_note.html")
def mail_note() -> dict[str, Any]:
    """Where mail goes on a server without a mail server; nothing on one that has."""
    folder = Path(settings.EMAIL_FILE_PATH)
    inside = folder.is_relative_to(settings.BASE_DIR)
    where = folder.relative_to(settings.BASE_DIR) if inside else f"VAR_DIR/{folder.name}"
    return {"where": "" if settings.EMAIL_URL else where}


@register.simple_tag(takes_context=True)
def mail_sent_to(context: template.Context) -> str:
    """The address that this browser has just signed up or in with, and that has to be confirmed first."""
    return str(context["request"].session.get(MAIL_SENT_TO, ""))


@register.simple_tag
def companies() -> list[dict[str, str]]:
    """Where one signs in with an account at a company, by each of the ways whose server is named."""
    found = []
    if settings.OIDC_SERVER_URL:
        found.append({"name": settings.OIDC_NAME, "url": reverse("openid_connect_login", args=["company"])})
    if settings.SAML_SSO_URL:
        found.append({"name": settings.SAML_NAME, "url": reverse("saml_login", args=["company"])})
    return found


register.filter("browser", browser)


@register.simple_tag(takes_context=True)
def can_manage(context: template.Context, person: Member) -> bool:
    """Whether the one who looks may change this person's role or remove them."""
    return may(context["member"], power_over(person))


@register.simple_tag(takes_context=True)
def open_invitation(context: template.Context) -> Any:
    """The invitation that this browser came with, while it can still be accepted."""
    request = context.get("request")
    return pending.open_invitation(request) if request else None
