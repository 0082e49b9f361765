from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render as show
from django.urls import path
from django.views.decorators.http import require_safe

from avatarsite.legal.models import Page
from avatarsite.legal.texts import wording_of


@require_safe
def legal_page(request: HttpRequest, page: str) -> HttpResponse:
    """Terms, privacy notice or imprint, as it is now."""
    return show(request, "legal/page.html", {"wording": wording_of(Page(page)), "label": Page(page).label})


urlpatterns = [path(f"{page}/", legal_page, {"page": page}, name=f"legal_{page}") for page in Page.values]
