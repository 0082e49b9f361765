"""Registry of what can be bought, and where. Literal tables: a provider arrives as one file and its lines here."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import import_module

from studio.providers.base import Provider

# key: (name on pages, class; imported on first use)
PROVIDERS: dict[str, tuple[str, str]] = {
    "local": ("This server", "studio.providers.local.LocalProvider"),
    "runware": ("Runware", "studio.providers.runware.RunwareProvider"),
    "fal": ("fal", "studio.providers.fal.FalProvider"),
    "aimlapi": ("AI/ML API", "studio.providers.aimlapi.AimlapiProvider"),
}


@dataclass(frozen=True, slots=True)
class Model:
    """What a customer picks. ``badges`` say what its makers or sellers state, ``older`` that it has a successor."""

    slug: str
    name: str
    summary: str
    badges: tuple[str, ...] = ()
    older: bool = False


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
        Model(
            "draft",
            "Draft",
            "Made on this server in seconds, marked as a draft. For checking framing and timing.",
            ("Up to 720p", "25 fps"),
        ),
        Model(
            "kling-avatar-2-pro",
            "Kling Avatar 2.0 Pro",
            "The finest of the newer generation: more detail, smoother motion, stronger expression.",
            ("Up to 1080p", "48 fps"),
        ),
        Model(
            "kling-avatar-2-standard",
            "Kling Avatar 2.0 Standard",
            "The newer generation at half the price, for everyday videos.",
        ),
        Model(
            "kling-avatar-pro",
            "Kling Avatar Pro",
            "The generation before, in full HD.",
            ("1080p", "48 fps"),
            older=True,
        ),
        Model(
            "kling-avatar-standard",
            "Kling Avatar Standard",
            "The generation before, for small screens.",
            ("720p", "24 fps"),
            older=True,
        ),
    )
}

# (model, provider, the provider's own name of it)
_SOLD: tuple[tuple[str, str, str], ...] = (
    ("kling-avatar-2-pro", "runware", "klingai:avatar@2.0-pro"),
    ("kling-avatar-2-pro", "fal", "fal-ai/kling-video/ai-avatar/v2/pro"),
    ("kling-avatar-2-standard", "runware", "klingai:avatar@2.0-standard"),
    ("kling-avatar-2-standard", "fal", "fal-ai/kling-video/ai-avatar/v2/standard"),
    ("kling-avatar-pro", "aimlapi", "klingai/avatar-pro"),
    ("kling-avatar-standard", "aimlapi", "klingai/avatar-standard"),
)
# Private, because these are not all that a row may name: ask ``find``, ``offer`` or ``for_sale``.
_OFFERS: dict[str, Offer] = {
    offer.id: offer
    for offer in (
        Offer("local:draft", "draft", "local", "draft", "Draft on this server"),
        *(
            Offer(f"{seller}:{name}", model, seller, name, f"{MODELS[model].name} at {PROVIDERS[seller][0]}")
            for model, seller, name in _SOLD
        ),
    )
}
# What test tokens get, whatever model they ask for; it is sold to nobody.
TEST_OFFER = "local:test"
_TEST = Offer(TEST_OFFER, "draft", "local", "draft", "Test draft on this server")


class UnknownOffer(ValueError):
    """Nothing is sold under this name."""


def find(offer_id: str) -> Offer | None:
    """The offer that a row names, that of test tokens among them; None when this server has none of this name."""
    return _TEST if offer_id == TEST_OFFER else _OFFERS.get(offer_id)


def offer(offer_id: str) -> Offer:
    """As ``find``. Raises UnknownOffer."""
    found = find(offer_id)
    if found is None:
        raise UnknownOffer(f"There is no offer {offer_id!r}; there are: {', '.join(_OFFERS)}.")
    return found


def provider_label(offer_id: str) -> str:
    """Whose offer it is, as on pages; of one that this server no longer has, its name."""
    found = find(offer_id)
    return found.provider_label if found else offer_id


def for_sale() -> list[Offer]:
    """Whatever can be bought."""
    return list(_OFFERS.values())


def offers_of(model: str) -> list[Offer]:
    return [candidate for candidate in for_sale() if candidate.model == model]


def offers_at(seller: str) -> list[Offer]:
    """All that a provider may be asked for, tests among it."""
    return [candidate for candidate in (*for_sale(), _TEST) if candidate.provider == seller]


@cache
def provider(name: str) -> Provider:
    module, class_name = PROVIDERS[name][1].rsplit(".", 1)
    found: type[Provider] = getattr(import_module(module), class_name)
    return found()


def provider_of(offer_id: str) -> Provider:
    return provider(offer(offer_id).provider)


def can_stop(offer_id: str) -> bool:
    """Whether its provider can be asked to stop; not where this server no longer has the offer."""
    found = find(offer_id)
    return found is not None and provider(found.provider).capabilities.can_cancel
