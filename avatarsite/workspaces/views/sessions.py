from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponseBase
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from avatarsite.workspaces.decorators import PersonRequest, person_view
from avatarsite.workspaces.signing_in.sessions import end_session


@person_view
@require_POST
def end(request: PersonRequest, session: int) -> HttpResponseBase:
    end_session(request.user, session)
    messages.success(request, "That browser is signed out.")
    return redirect("usersessions_list")
