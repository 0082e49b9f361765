"""The mail with an invitation's link."""

from __future__ import annotations

from django.http import HttpRequest
from django.urls import reverse
from django.utils.formats import date_format

from avatarsite.mail.messages import absolute, write_mail
from avatarsite.workspaces.invitations.invitations import Issued


def mail_invitation(request: HttpRequest, issued: Issued) -> None:
    """Owe it in the transaction in which the link was issued: its token is known only now."""
    invitation = issued.invitation
    by = invitation.invited_by
    context = {
        "site_url": absolute(request, "/").rstrip("/"),
        "invitation": invitation,
        "inviter": by.get_full_name() if by else "Somebody",
        "link": absolute(request, reverse("invitation_link", kwargs={"token": issued.token})),
        "until": date_format(invitation.expires_at, "j F Y"),
    }
    write_mail(
        "invitation",
        f"{invitation.pk}:{invitation.token_hash[:16]}",
        invitation.email,
        "workspaces/email/invitation",
        context,
        workspace=invitation.workspace,
        secret=True,
    )
