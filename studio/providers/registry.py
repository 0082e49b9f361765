"""What can be bought, and where. Literal tables: a provider arrives as one file and its lines here."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import import_module

from studio.providers.base import Provider

# key: (name on pages, class; imported on first use)
PROVIDERS: dict[str, tuple[str, str]] = {
    "local": ("This server", "studio.providers.local.LocalProvider"),
}


@dataclass(frozen=True, slots=True)
class Model:
    """What a customer picks."""

    slug: str
    name: str
    summary: str


@dataclass(frozen=True, slots=True)
class Offer:
    """One model at one provider; the price is the newest row of the price book under ``id``."""

    id: str
    model: str
    provider: str
    provider_model: str
    label: str

    @property
    def provider_label(self) -> str:
        return PROVIDERS[self.provider][0]


MODELS: dict[str, Model] = {
    model.slug: model
    for model in (
        Model("draft", "Draft", "Made on this server in seconds, marked as a draft. For checking framing and timing."),
    )
}

OFFERS: dict[str, Offer] = {
    offer.id: offer for offer in (Offer("local:draft", "draft", "local", "draft", "Draft on this server"),)
}


class UnknownOffer(ValueError):
    """Nothing is sold under this name."""


def offer(offer_id: str) -> Offer:
    try:
        return OFFERS[offer_id]
    except KeyError:
        raise UnknownOffer(f"There is no offer {offer_id!r}; there are: {', '.join(OFFERS)}.") from None


def offers_of(model: str) -> list[Offer]:
    return [candidate for candidate in OFFERS.values() if candidate.model == model]


@cache
def provider(name: str) -> Provider:
    module, class_name = PROVIDERS[name][1].rsplit(".", 1)
    found: type[Provider] = getattr(import_module(module), class_name)
    return found()


def provider_of(offer_id: str) -> Provider:
    return provider(offer(offer_id).provider)
