"""The admin site itself: who gets in, what its pages may load, its navigation."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from allauth.account.decorators import secure_admin_login
from csp.constants import SELF, UNSAFE_EVAL, UNSAFE_INLINE
from csp.decorators import csp_update
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.template.response import TemplateResponse
from django.urls import reverse

from avatarsite.admin.base import ModelAdmin, Work, themed
from avatarsite.admin.first_page import first_page
from avatarsite.admin.search import look_up

if TYPE_CHECKING:
    from django.contrib.admin import AdminSite as ThemedSite
else:
    from unfold.sites import UnfoldAdminSite as ThemedSite

# Alpine, which the theme is written in, makes functions of what its attributes say, and one of them sets a width. So
# pages of this site, and no others, may do that; scripts and style sheets still come from files of ours alone.
CONTENT_SECURITY_POLICY = {"script-src": [SELF, UNSAFE_EVAL], "style-src-attr": [UNSAFE_INLINE]}


class AdminSite(ThemedSite):
    site_header = site_title = "Avatar Studio"
    index_title = "Needs you today"

    def register(
        self,
        model_or_iterable: type[Model] | Iterable[type[Model]],
        admin_class: type[Any] | None = None,
        **options: Any,
    ) -> None:
        super().register(model_or_iterable, themed(admin_class or ModelAdmin), **options)

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Any:
        return csp_update(CONTENT_SECURITY_POLICY)(super().admin_view(view, cacheable))

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        return super().index(request, {"page": first_page(self, request), **(extra_context or {})})

    def search(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Straight to the page that is meant, or a list where several may be."""
        query = request.GET.get("q", "").strip()
        kinds = look_up(self, request, query)
        hits = [hit for kind in kinds for hit in kind.hits]
        if len(hits) == 1:
            return HttpResponseRedirect(hits[0].link)
        context = {**self.each_context(request), "title": "Search", "query": query, "kinds": kinds}
        return render(request, "admin/search.html", context | (extra_context or {}))

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The same door as everybody's, second factor and rate limits included."""
        answer: HttpResponse = secure_admin_login(super().login)(request, extra_context)
        return answer


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """Every list that this person may see, by the work that it is for."""
    from django.contrib.admin import site  # noqa: PLC0415 -- it is made of this module

    groups: dict[Work, list[tuple[int, str, str]]] = {work: [] for work in Work}
    for app in site.get_app_list(request):
        for entry in app["models"]:
            page: Any = site.get_model_admin(entry["model"])
            if entry["admin_url"]:
                groups[page.work].append((page.place, page.get_title().capitalize(), entry["admin_url"]))
    first = {"title": "", "items": [{"title": "Needs you today", "link": reverse("admin:index"), "icon": "today"}]}
    return [
        first,
        *(
            {
                "title": work.value,
                "items": [{"title": title, "link": link} for _, title, link in sorted(lists)],
            }
            for work, lists in groups.items()
            if lists
        ),
    ]


def colours(_request: HttpRequest) -> dict[str, dict[str, str]]:
    """None within the page, where the policy forbids styles: they are in css/pages/desk.css."""
    return {}
