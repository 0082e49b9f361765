"""Names that the three protocols have for our models."""

from __future__ import annotations

from studio.gateway.models import Protocol
from studio.providers import registry

# The draft engine has no name at any provider; it gets one that nobody else uses.
DRAFTS = {
    Protocol.RUNWARE: "avatarstudio:draft@1",
    Protocol.FAL: "avatar-studio/draft",
    Protocol.AIMLAPI: "avatar-studio/draft",
}


def models_of(protocol: Protocol) -> dict[str, str]:
    """The protocol's name of each model that it knows, with ours."""
    sold = {offer.provider_model: offer.model for offer in registry.for_sale() if offer.provider == protocol.value}
    return sold | {DRAFTS[protocol]: "draft"}
