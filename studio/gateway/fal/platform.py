"""fal's price list, with our prices."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponseBase, JsonResponse

from avatarsite.workspaces.access import Action
from avatarsite.workspaces.models import ApiToken
from studio.gateway.fal.errors import said
from studio.gateway.fal.views import fal_view
from studio.gateway.intake import price_now
from studio.gateway.model_names import models_of
from studio.gateway.models import Protocol


@fal_view(Action.VIEW, "GET")
def pricing(request: HttpRequest, token: ApiToken) -> HttpResponseBase:  # noqa: ARG001
    """What a second costs here, at the offer that would make it now."""
    wanted = [name for given in request.GET.getlist("endpoint_id") for name in given.split(",") if name]
    known = models_of(Protocol.FAL)
    found = {name: price_now(known[name]) for name in wanted if name in known}
    lost = [name for name in wanted if not found.get(name)]
    if lost or not wanted:
        return said(404, f"Endpoint not found: {', '.join(lost)[:300]}")
    prices = [
        {"endpoint_id": name, "unit_price": price / 1_000_000, "unit": "second", "currency": "USD"}
        for name, price in found.items()
    ]
    return JsonResponse({"prices": prices, "next_cursor": None, "has_more": False})
