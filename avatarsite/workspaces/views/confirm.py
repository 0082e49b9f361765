from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def confirm(request: HttpRequest, question: str, ends: str, *, deed: str, keep: str) -> HttpResponse:
    """The question before something ends: in the page's dialog, or a page where no script runs. Yes is a POST to it."""
    facts = {"question": question, "ends": ends, "deed": deed, "keep": keep}
    return render(request, "layouts/confirm.html", facts)
