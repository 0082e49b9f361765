"""Share links of videos on the desk: what is open to the world, and how it is shut."""

from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from avatarsite.admin.base import ModelAdmin, Work
from avatarsite.admin.read_only import ActionsOnly, customer
from studio.models import ShareLink
from studio.sharing.links import revoke_link


@admin.register(ShareLink)
class ShareLinkAdmin(ActionsOnly, ModelAdmin[ShareLink]):
    work = Work.CUSTOMERS
    place = 70
    list_display = ("id", "workspace", "render", "views", "last_viewed_at", "expires_at", "revoked_at")
    list_filter = ("revoked_at",)
    list_select_related = ("workspace", "render")
    search_fields = ("id", "render__id", *customer())
    exclude = ("password",)
    actions = ("revoke",)

    @admin.action(description="Revoke", permissions=["change"])
    def revoke(self, request: HttpRequest, links: QuerySet[ShareLink]) -> None:
        for link in links.select_related("render", "workspace"):
            revoke_link(link)
        messages.success(request, "The links lead nowhere from now on.")
