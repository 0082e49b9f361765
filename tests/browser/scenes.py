"""What an operator is called for, put on a site's stage; runs in a site's process."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import F

from avatarsite.mail.models import MailMessage
from avatarsite.models import Alert
from avatarsite.outbox.endpoints import make_endpoint
from avatarsite.outbox.models import Delivery, Endpoint
from avatarsite.queue.sweeping import sweep_kind
from avatarsite.workspaces.models import Workspace
from billing.ledger import posting
from billing.prices import price_book
from studio.models import Render
from studio.pipeline.request.render_request import RenderRequest
from studio.pipeline.request.take import take
from studio.projects import project_for_new_video
from studio.uploads.samples import add_samples

RUNWARE, FAL = "runware:klingai:avatar@2.0-pro", "fal:fal-ai/kling-video/ai-avatar/v2/pro"


def order(slug: str, title: str, offer: str) -> str:
    """A video of one offer, and of no other; it waits for the worker."""
    workspace = Workspace.objects.get(slug=slug)
    portrait, voice = add_samples(workspace)
    project = project_for_new_video(workspace)
    model = "draft" if offer == price_book.DRAFT else "kling-avatar-2-pro"
    asked = RenderRequest(workspace, project, portrait, voice, model=model, offer=offer, title=title, fallback=False)
    return take(asked, user=None)[0].pk


def state_of(render_id: str) -> dict[str, Any]:
    render = Render.objects.get(pk=render_id)
    return {"state": render.state, "offer": render.offer, "told": render.failure_message}


def let_pass(render_id: str, seconds: int) -> None:
    """As if so much time had gone by for what a provider has; then a sweep comes by, if the worker's has not."""
    past = timedelta(seconds=seconds)
    moments = ("state_since", "late_at", "give_up_at")
    Render.objects.filter(pk=render_id).update(**{name: F(name) - past for name in moments})
    for kind in ("late", "give_up"):
        sweep_kind(kind)


def letters_to(address: str, word: str) -> list[str]:
    """The texts of mails whose subject has this word."""
    return list(MailMessage.objects.filter(to=address, subject__contains=word).values_list("text", flat=True))


def enrich(slug: str, micros: int) -> None:
    posting.grant(Workspace.objects.get(slug=slug), micros, key=f"scene:{slug}", reason="For the walks")


def misprice(offer: str, cost_micros: int, price_micros: int) -> None:
    """The provider has raised its price, and nobody has told the price book."""
    price_book.set_price(
        offer, cost_micros_per_second=cost_micros, price_micros_per_second=price_micros, source="An old list"
    )


def price_of(offer: str) -> list[int]:
    price = price_book.price_of(offer)
    return [price.cost_micros_per_second, price.price_micros_per_second]


def listen_at(slug: str, url: str) -> str:
    return make_endpoint(Workspace.objects.get(slug=slug), url=url, user=None).pk


def deliveries_of(endpoint: str) -> list[list[Any]]:
    return [list(row) for row in Delivery.objects.filter(endpoint=endpoint).values_list("state", "answer_code")]


def is_dark(endpoint: str) -> bool:
    return Endpoint.objects.get(pk=endpoint).dark_since is not None


def alert_says(kind: str) -> str:
    """What the open one says; "" where none is."""
    return next(iter(Alert.objects.filter(kind=kind, closed_at=None).values_list("message", flat=True)), "")


def open_alerts(kind: str) -> list[str]:
    return list(Alert.objects.filter(kind=kind, closed_at=None).order_by("pk").values_list("key", flat=True))
