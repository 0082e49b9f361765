"""Links of a video for people without an account: made, listed, revoked."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.shortcuts import render as show
from django.urls import reverse
from django.utils import timezone

from avatarsite.mail.messages import absolute
from avatarsite.workspaces.access import Action
from avatarsite.workspaces.decorators import WorkspaceRequest, workspace_view
from avatarsite.workspaces.views.confirm import confirm
from studio.models import Render, ShareLink
from studio.sharing.links import (
    PASSWORD_LENGTH,
    ShareRefused,
    Terms,
    address_of,
    embed_snippet,
    is_watchable,
    live_links,
    make_link,
    revoke_link,
)

LIVES = {"": "Until it is revoked", "1": "A day", "7": "A week", "30": "30 days", "365": "A year"}


class ShareForm(forms.Form):
    days = forms.ChoiceField(label="It works for", choices=list(LIVES.items()), required=False)
    password = forms.CharField(
        required=False,
        max_length=PASSWORD_LENGTH,
        strip=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text="Whoever has the link is asked for it. Tell it to them some other way.",
    )
    allow_download = forms.BooleanField(label="They may download the file", required=False)
    allow_review = forms.BooleanField(
        label="They may comment and approve",
        required=False,
        help_text="Everybody behind this link reads what was written behind it.",
    )
    embed_origins = forms.CharField(
        label="Pages that may embed it",
        required=False,
        max_length=2_000,
        help_text="Sites with spaces between them, such as https://www.example.com, or * for every page.",
    )

    def terms(self) -> Terms:
        days = self.cleaned_data["days"]
        return Terms(
            expires_at=timezone.now() + timedelta(days=int(days)) if days else None,
            password=self.cleaned_data["password"],
            allow_download=self.cleaned_data["allow_download"],
            allow_review=self.cleaned_data["allow_review"],
            embed_origins=tuple(self.cleaned_data["embed_origins"].split()),
        )


@workspace_view(Action.VIEW, post=Action.RENDER)
def video_share(request: WorkspaceRequest, render: str) -> HttpResponse:
    one = get_object_or_404(Render.objects.for_workspace(request.workspace), pk=render)
    form = ShareForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            make_link(one, form.terms(), user=request.user)
        except ShareRefused as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))
        else:
            messages.success(request, "The link is made. Copy it and send it on.")
            return redirect("video_share", workspace=request.workspace.slug, render=one.pk)
    status = 422 if form.is_bound else 200
    site = absolute(request, "/").removesuffix("/")
    return show(request, "studio/share.html", _context(one, form, site), status=status)


@workspace_view(Action.RENDER)
def video_share_revoke(request: WorkspaceRequest, render: str, link: str) -> HttpResponse:
    """What it ends, first; then the deed."""
    links = ShareLink.objects.for_workspace(request.workspace).select_related("render", "workspace")
    row = get_object_or_404(links, pk=link, render_id=render)
    if request.method != "POST":
        return confirm(
            request,
            "Revoke this link?",
            f"{_ends(row)} It can’t be undone: a new link has another address.",
            deed="Revoke",
            keep=reverse("video_share", kwargs={"workspace": request.workspace.slug, "render": render}),
        )
    revoke_link(row)
    messages.success(request, "The link leads nowhere from now on.")
    return redirect("video_share", workspace=request.workspace.slug, render=render)


def _ends(link: ShareLink) -> str:
    where = "Its page and the player in other pages show" if link.embed_origins else "Its page shows"
    kept = " What was written behind it stays with the video." if link.allow_review else ""
    return f"{where} the video to nobody from that moment on.{kept}"


def _context(one: Render, form: ShareForm, site: str) -> dict[str, Any]:
    links = [
        {
            "row": link,
            "address": address_of(link, site=site),
            "snippet": embed_snippet(link, site=site) if link.embed_origins else "",
        }
        for link in live_links(one).select_related("render", "made_by")
    ]
    return {"render": one, "form": form, "links": links, "watchable": is_watchable(one)}
