"""Batches: up to a thousand videos in one call, all taken or none, with one quote and one status."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from avatarsite.api.pagination import listed
from avatarsite.api.serializers import NoQuery, PageQuery, list_serializer
from studio.api import resolve
from studio.api.inputs import BatchAskedInput, BatchInput
from studio.api.renders import PAYMENT, RenderView
from studio.api.serializers import BatchQuoteSerializer, BatchSerializer, serialize_batch, serialize_batch_quote
from studio.errors import RequestRefused
from studio.models import UploadKind
from studio.pipeline.long.sound import prepare
from studio.pipeline.request.batches import (
    BatchRefused,
    ItemRefused,
    batches_of,
    price_batch,
    request_batch,
    status_of,
    statuses_of,
    total_micros,
)
from studio.pipeline.request.kept_quotes import as_quoted_batch, sign_batch_quote
from studio.pipeline.request.render_request import RenderRequest

TAGS = ["Batches"]


class BatchView(RenderView):
    def requests(self, asked: dict[str, Any]) -> list[RenderRequest]:
        """Every item as a request. Raises BatchRefused with each item whose uploads are not there."""
        project = resolve.project(self.workspace, asked.get("project"))
        items = asked["items"]
        known = resolve.known_uploads(self.workspace, [item[kind.value] for item in items for kind in UploadKind])
        requests, refused = [], []
        for index, item in enumerate(items):
            try:
                portrait = resolve.of_kind(known, UploadKind.PORTRAIT, item["portrait"])
                voice, spoken = resolve.known_voice(self.token, known, item["voice"])
                item |= {"notify": asked.get("notify", False), "webhook_url": asked.get("webhook_url", "")}
                request = resolve.from_body(
                    self.token, item, project=project, portrait=portrait, voice=voice, spoken=spoken
                )
                requests.append(replace(request, captions=resolve.captions(item, voice)))
            except RequestRefused as refusal:
                refused.append(ItemRefused(index, refusal))
        if refused:
            raise BatchRefused(refused, len(items))
        return requests

    def prepare(self, asked: dict[str, Any]) -> None:
        """Have long voices listened to, which a transaction that is refused would undo."""
        prepare(*resolve.stored_voices(self.token, asked["items"]))


class Batches(BatchView):
    @extend_schema(
        operation_id="list_batches",
        tags=TAGS,
        summary="List batches, newest first",
        parameters=[PageQuery],
        responses=list_serializer(BatchSerializer),
    )
    def get(self, _request: Any) -> Response:
        asked = self.query(PageQuery)
        rows = batches_of(self.workspace).order_by("-id")
        if "cursor" in asked:
            rows = rows.filter(pk__lt=asked["cursor"])
        groups = list(rows[: asked["limit"] + 1])
        shown = groups[: asked["limit"]]
        after = shown[-1].pk if len(groups) > len(shown) else None
        return Response(listed([serialize_batch(status) for status in statuses_of(shown)], next_cursor=after))

    @extend_schema(
        operation_id="create_batch",
        tags=TAGS,
        summary="Ask for many videos at once",
        description="All items are taken, or none: then the answer is 422 and its `items` say for each that can’t be "
        "made what is wrong with it. Follow it by the batch, or by `/renders?group=…`.",
        request=BatchAskedInput,
        responses={201: BatchSerializer, **PAYMENT},
    )
    def post(self, _request: Any) -> HttpResponseBase:
        self.query(NoQuery)
        asked = self.told(self.body(BatchAskedInput))
        self.prepare(asked)

        def operation() -> Response:
            requests, most = self.requests(asked), asked.get("max_amount_micros")
            if "quote" in asked:
                requests, most = as_quoted_batch(self.workspace, requests, asked["quote"], most)
            group = request_batch(self.workspace, requests, user=self.user, max_amount_micros=most)
            location = reverse("api_batch", kwargs={"batch": group.pk})
            return Response(serialize_batch(status_of(group)), status=201, headers={"Location": location})

        return self.asking(operation)


class BatchQuotes(BatchView):
    @extend_schema(
        operation_id="quote_batch",
        tags=TAGS,
        summary="Price a batch",
        description="Holds and charges nothing. Its `id`, sent with the same items, binds us for half an hour.",
        request=BatchInput,
        responses={201: BatchQuoteSerializer},
    )
    def post(self, _request: Any) -> HttpResponseBase:
        self.query(NoQuery)
        asked = self.told(self.body(BatchInput))
        self.prepare(asked)

        def operation() -> Response:
            requests = self.requests(asked)
            priced = price_batch(requests)
            quote_id, ends = sign_batch_quote(self.workspace, requests, [one.quote for one in priced])
            items = [
                {"index": index, "ceiling": one.quote.ceiling_micros, "warnings": one.request.portrait.warnings}
                for index, one in enumerate(priced)
            ]
            quote = {"size": len(priced), "ceiling": total_micros(priced), "items": items}
            quote["webhook_url"] = asked.get("webhook_url", "")
            return Response(serialize_batch_quote(quote | {"id": quote_id, "expires_at": ends}), status=201)

        return self.run_once(operation)


class OneBatch(BatchView):
    @extend_schema(
        operation_id="get_batch", tags=TAGS, summary="Get a batch and how far it is", responses=BatchSerializer
    )
    def get(self, _request: Any, batch: str) -> Response:
        self.query(NoQuery)
        return Response(serialize_batch(status_of(get_object_or_404(batches_of(self.workspace), pk=batch))))
