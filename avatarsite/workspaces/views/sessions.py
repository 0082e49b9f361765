from __future__ import annotations

from allauth.usersessions.models import UserSession
from django.contrib import messages
from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse

from avatarsite.workspaces.decorators import PersonRequest, person_view
from avatarsite.workspaces.signing_in.sessions import browser, end_session
from avatarsite.workspaces.views.confirm import confirm


@person_view
def end(request: PersonRequest, session: int) -> HttpResponseBase:
    """What it ends, first; then the deed."""
    if request.method != "POST":
        row = get_object_or_404(UserSession, user=request.user, pk=session)
        question = f"Sign out {browser(row.user_agent)}?"
        ends = f"Whoever uses it at {row.ip} has to sign in again, and loses what is not saved there."
        return confirm(request, question, ends, deed="Sign out", keep=reverse("usersessions_list"))
    end_session(request.user, session)
    messages.success(request, "That browser is signed out.")
    return redirect("usersessions_list")
