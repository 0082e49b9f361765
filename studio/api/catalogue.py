"""Models, offers and quotes: what can be made, where, for how much."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.http import Http404, HttpResponseBase
from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from avatarsite.api.pagination import listed
from avatarsite.api.serializers import NoQuery, list_serializer
from avatarsite.api.views import ApiView
from avatarsite.outbox.endpoints import check_url
from avatarsite.workspaces.access import Action
from studio.api import resolve
from studio.api.inputs import OffersQuery, QuoteInput
from studio.api.serializers import (
    FullOfferSerializer,
    ModelSerializer,
    QuoteSerializer,
    serialize_full_offer,
    serialize_model,
    serialize_quote,
)
from studio.errors import RequestRefused
from studio.models import Upload, UploadKind
from studio.pipeline.long.plan import Plan, PlannedPart, quote_seconds, quote_video
from studio.pipeline.long.sound import prepare
from studio.pipeline.request.kept_quotes import agreed_of, sign_quote
from studio.pipeline.request.options import OUTPUT_FORMATS
from studio.pipeline.request.quote import Market, Quote, QuoteLine, quote_render
from studio.pipeline.request.spoken import Spoken
from studio.providers import registry
from studio.uploads.add import check_pair

TAGS = ["Catalogue"]
ANYBODY = tuple(Action)


class Models(ApiView):
    reads = ANYBODY

    @extend_schema(
        operation_id="list_models", tags=TAGS, summary="List models", responses=list_serializer(ModelSerializer)
    )
    def get(self, _request: Any) -> Response:
        self.query(NoQuery)
        return Response(listed([serialize_model(model) for model in registry.MODELS.values()]))


class OneModel(ApiView):
    reads = ANYBODY

    @extend_schema(operation_id="get_model", tags=TAGS, summary="Get a model", responses=ModelSerializer)
    def get(self, _request: Any, model: str) -> Response:
        self.query(NoQuery)
        if model not in registry.MODELS:
            raise Http404
        return Response(serialize_model(registry.MODELS[model]))


class Offers(ApiView):
    reads = ANYBODY

    @extend_schema(
        operation_id="list_offers",
        tags=TAGS,
        summary="List offers: a model at a provider, with price, limits and health",
        parameters=[OffersQuery],
        responses=list_serializer(FullOfferSerializer),
    )
    def get(self, _request: Any) -> Response:
        asked = self.query(OffersQuery)
        wanted = asked.get("model")
        models = [slug for slug in registry.MODELS if wanted in (None, slug)]
        market = Market.of(registry.for_sale())
        quotes = [quote_render(model=slug, voice_ms=asked["seconds"] * 1000, market=market) for slug in models]
        lines = [(quote.model, line) for quote in quotes for line in quote.lines]
        return Response(listed([serialize_full_offer(_full(model, line)) for model, line in lines]))


class Quotes(ApiView):
    writes = (Action.VIEW,)

    @extend_schema(
        operation_id="create_quote",
        tags=TAGS,
        summary="Price a voice at every offer",
        description="Holds and charges nothing. Its `id`, sent with a render, binds us for half an hour: these offers, "
        "their prices a second, this ceiling.",
        request=QuoteInput,
        responses={201: QuoteSerializer},
    )
    def post(self, _request: Any) -> HttpResponseBase:
        self.query(NoQuery)
        asked = self.body(QuoteInput)
        if "webhook_url" in asked:
            asked["webhook_url"] = check_url(asked["webhook_url"], "webhook_url")
        prepare(*resolve.stored_voices(self.token, [asked]))
        return self.run_once(lambda: Response(serialize_quote(self._quoted(asked)), status=201))

    def _quoted(self, asked: dict[str, Any]) -> dict[str, Any]:
        takes, model = asked.get("takes", 1), asked.get("model", "draft")
        if model not in registry.MODELS:
            found = f"There is no model {model!r}."
            raise RequestRefused("model", "unknown_model", found, f"Choose one of {', '.join(registry.MODELS)}.")
        portrait, voice, spoken = self._media(asked)
        chosen: dict[str, Any] = {
            "model": model,
            **resolve.routing_of(self.workspace, asked),
            "test": self.token.test,
        }
        if voice:
            options = {name: asked[name] for name in ("content_check", "output_quality") if name in asked}
            made_of = {"voice": voice, "portrait": portrait, "prompt": asked.get("prompt", ""), "options": options}
            quote = quote_video(**made_of, **chosen)
        else:
            quote = quote_seconds(voice_ms=int(asked["seconds"]) * 1000, **chosen)
        return self._signed(quote, asked, takes, spoken) | {"warnings": self._warnings(asked)}

    def _warnings(self, asked: dict[str, Any]) -> list[dict[str, str]]:
        """What speaks against the portrait that is named."""
        known = resolve.known_uploads(self.workspace, [asked.get("portrait", "")])
        return [warning for portrait in known.values() for warning in portrait.warnings]

    def _media(self, asked: dict[str, Any]) -> tuple[Upload | None, Upload | None, Spoken | None]:
        """The portrait and the voice that are named, or a script; no voice where a number of seconds is."""
        if ("voice" in asked) == ("seconds" in asked):
            found = "A quote is of a voice or of a number of seconds, and needs exactly one of them."
            raise RequestRefused("voice", "nothing_to_quote", found, "Send one of the two.")
        if "seconds" in asked:
            return None, None, None
        known = resolve.known_uploads(self.workspace, [asked["voice"], asked.get("portrait", "")])
        voice, spoken = resolve.known_voice(self.token, known, asked["voice"])
        if "portrait" not in asked:
            return None, voice, spoken
        portrait = resolve.of_kind(known, UploadKind.PORTRAIT, asked["portrait"])
        check_pair(portrait, voice)
        return portrait, voice, spoken

    def _signed(self, quote: Quote, asked: dict[str, Any], takes: int, spoken: Spoken | None) -> dict[str, Any]:
        agreed = agreed_of(
            quote,
            **resolve.routing_of(self.workspace, asked),
            takes=takes,
            test=self.token.test,
            speech_micros=spoken.ceiling_micros if spoken else 0,
        )
        quote_id, ends = sign_quote(self.workspace, agreed)
        return {
            "id": quote_id,
            "model": quote.model,
            "voice_ms": quote.voice_ms,
            "takes": takes,
            "chosen": quote.chosen.offer if quote.chosen else None,
            "why": quote.why,
            "ceiling": agreed.ceiling_micros,
            "speech_ceiling": spoken.ceiling_micros if spoken else 0,
            "offers": [_brief(quote.model, line) for line in quote.lines],
            "webhook_url": asked.get("webhook_url", ""),
            "charge_if_flagged": "full",
            "parts": [_part(part, quote.rate) for part in quote.parts] if isinstance(quote, Plan) else None,
            "expires_at": ends,
        }


def _part(part: PlannedPart, rate: int) -> dict[str, Any]:
    return {
        "number": part.number,
        "from_ms": part.begin * 1000 // rate,
        "to_ms": part.end * 1000 // rate,
        "kept": part.kept is not None,
        "ceiling": part.ceiling_micros,
    }


def _brief(model: str, line: QuoteLine) -> dict[str, Any]:
    return {
        "id": line.offer,
        "model": model,
        "provider": line.provider,
        "label": line.label,
        "available": line.available,
        "why_not": line.why_not,
        "price_per_second": line.price.price_micros_per_second if line.price else None,
        "ceiling": line.ceiling_micros if line.price else None,
        "expected_seconds": line.expected_seconds,
    }


def _full(model: str, line: QuoteLine) -> dict[str, Any]:
    can, record = registry.provider(line.provider).capabilities, asdict(line.record)
    least, most = can.voice_ms
    failing = record["ended"] and record["done"] < record["ended"]
    return {
        **_brief(model, line),
        "limits": {
            "voice_min_ms": least,
            "voice_max_ms": most,
            "output_formats": OUTPUT_FORMATS,
            "content_check": True,
            "content_check_by": "provider" if can.content_check else "us",
            "can_cancel": can.can_cancel,
        },
        "health": {
            "state": "paused" if line.why_not.startswith("It fails") else "shaky" if failing else "good",
            "recent_renders": record["ended"],
            "recent_done": record["done"],
        },
    }
