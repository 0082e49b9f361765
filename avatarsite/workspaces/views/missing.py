"""Page that is not there: within a workspace of one's own the navigation stays around it."""

from __future__ import annotations

import re

from django.http import HttpRequest, HttpResponse
from django.views.defaults import page_not_found

from avatarsite.workspaces.access import membership

WITHIN = re.compile(r"/w/([-\w]+)/")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """The site's ``handler404``. To a stranger a workspace that is there looks like one that is not."""
    user, within = getattr(request, "user", None), WITHIN.match(request.path)
    if user and within and (member := membership(user, within[1])) and member.workspace.suspended_at is None:
        request.member, request.workspace = member, member.workspace  # type: ignore[attr-defined]
    return page_not_found(request, exception)
