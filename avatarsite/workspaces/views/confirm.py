from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def confirm(  # noqa: PLR0913 -- they are what the page shows
    request: HttpRequest, question: str, ends: str, *, deed: str, keep: str, do: str = ""
) -> HttpResponse:
    """The question before something ends: in the page's dialog, or a page where no script runs.

    Yes is a POST to the same address, with ``do`` where that does more than one thing.
    """
    facts = {"question": question, "ends": ends, "deed": deed, "keep": keep, "do": do}
    return render(request, "layouts/confirm.html", facts)
