"""Renders: ask for a video, follow it, stop it, have it again, delete it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from functools import lru_cache, partial
from typing import Any, ClassVar

from django.conf import settings
from django.db.models import Exists, OuterRef, QuerySet, prefetch_related_objects
from django.http import Http404, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.response import Response

from avatarsite.api.fields import NO_NUL
from avatarsite.api.idempotency import Operation
from avatarsite.api.pagination import listed, page
from avatarsite.api.problems import Problem
from avatarsite.api.serializers import NoQuery, list_serializer, site_link
from avatarsite.api.views import ApiView, LeadsToFile
from avatarsite.db.compiled import Compiled
from avatarsite.outbox.endpoints import check_url
from avatarsite.web.places import NoPlace
from avatarsite.workspaces.models import Workspace
from billing.budgets.notices import note_refusal
from billing.errors import BudgetReached
from studio.api import resolve
from studio.api.inputs import MAX_NOTES, ChangeInput, GiveUpInput, RenderInput, RendersQuery, RenditionInput, WaitQuery
from studio.api.serializers import (
    ApprovalSerializer,
    EventSerializer,
    LinkedOutputSerializer,
    RenderSerializer,
    RenditionSerializer,
    serialize_approval,
    serialize_event,
)
from studio.api.waiting import until_ended
from studio.approvals.approvals import ask_for_approval
from studio.models import Approval, Render, RenditionFormat
from studio.pipeline.cancel import cancel_terms, request_cancel
from studio.pipeline.content.withhold import release
from studio.pipeline.expire import delete_if_due, seconds_left
from studio.pipeline.lateness.late import wish_given_up
from studio.pipeline.long.sound import prepare
from studio.pipeline.request.change import change_render
from studio.pipeline.request.consent import ApprovalNeeded
from studio.pipeline.request.kept_quotes import as_quoted
from studio.pipeline.request.take import retry_render, take_within
from studio.renditions.ask import ask_for, remove
from studio.representation import (
    CAPTION_COLUMNS,
    CAPTION_OUTPUTS,
    COLUMNS,
    OUTPUTS,
    PAPERS_OUTPUTS,
    RENDITION_OUTPUTS,
    output_names,
    outputs_of,
    renditions_of,
    serialize_render,
)
from studio.storage.local import signed_link
from studio.videos.search import wanted
from studio.videos.trash import bin_video, restore_video

TAGS = ["Renders"]
OUTPUT_KINDS = [*OUTPUTS, *CAPTION_OUTPUTS, *RENDITION_OUTPUTS, *PAPERS_OUTPUTS]
RENDITION = OpenApiParameter("output", str, OpenApiParameter.PATH, enum=list(RENDITION_OUTPUTS))
OUTPUT = OpenApiParameter("output", str, OpenApiParameter.PATH, enum=OUTPUT_KINDS)
PAYMENT = {
    202: OpenApiResponse(
        ApprovalSerializer, description="More than the token may spend by itself: it waits for a person’s yes."
    ),
    402: OpenApiResponse(description="Too little credit, or a budget is used up."),
}
# What the API's render is made of, and by which names a list of them can be asked for with the same text.
SHOWN: dict[str, Any] = {
    "columns": COLUMNS,
    "more": {"is_tagged": Exists(Render.tags.through.objects.filter(render=OuterRef("pk")))},
    "joined": {"captions": CAPTION_COLUMNS},
}
COMPILED_BY = frozenset({"state", "project", "group", "reference", "cursor"})
METADATA = OpenApiParameter(
    "metadata",
    {
        "type": "object",
        "maxProperties": MAX_NOTES,
        "propertyNames": {"minLength": 1, "pattern": NO_NUL},
        "additionalProperties": {"type": "string", "pattern": NO_NUL},
    },
    style="deepObject",
    explode=True,
    description="`metadata[customer]=42`: those whose metadata has it just so.",
)


def listing(workspace: Workspace, asked: Mapping[str, Any], *, most: int) -> list[Render]:
    """The workspace's newest renders that are ``asked`` for."""
    if COMPILED_BY.issuperset(asked):
        return _with_parts(_listed(most, *sorted(asked))(workspace=workspace.pk, **asked))
    found = Compiled(Render, lambda workspace: _found(workspace, most=most, **asked), **SHOWN)
    return _with_parts(found(workspace=workspace.pk))


def one(workspace: Workspace, pk: str) -> Render:
    """The workspace's render of this id. Raises Http404."""
    found = _with_parts(_one(workspace=workspace.pk, pk=pk))
    if not found:
        raise Http404
    return found[0]


def _with_parts(rows: Iterable[Render]) -> list[Render]:
    """With what only some have, and what only a video has."""
    found = list(rows)
    prefetch_related_objects([row for row in found if row.is_tagged], "tags")
    prefetch_related_objects([row for row in found if row.video], "papers", "renditions")
    return found


def _of(workspace: str) -> QuerySet[Render]:
    return Render.objects.for_workspace(Workspace(pk=workspace))


def _found(workspace: str, *, most: int, **asked: Any) -> QuerySet[Render]:
    return _of(workspace).filter(wanted(asked)).order_by("-id")[:most]


@lru_cache(maxsize=100)
def _listed(most: int, *_names: str) -> Compiled[Render]:
    return Compiled(Render, partial(_found, most=most), **SHOWN)


_one = Compiled(Render, lambda workspace, pk: _of(workspace).filter(pk=pk), **SHOWN)


class RenderView(ApiView):
    def renders(self) -> QuerySet[Render]:
        return Render.objects.for_workspace(self.workspace)

    def told(self, asked: dict[str, Any]) -> dict[str, Any]:
        """The body with its webhook's address as it is kept. Asks the resolver, so never in a transaction."""
        if "webhook_url" in asked:
            asked["webhook_url"] = check_url(asked["webhook_url"], "webhook_url")
        return asked

    def asking(self, operation: Operation) -> HttpResponseBase:
        """As ``run_once``; what the token may not spend by itself is kept for a person's yes, and answered with 202.

        That a cap refused it is noted after the refused transaction, which would undo the note.
        """

        def taken_or_kept() -> Response:
            try:
                return operation()
            except ApprovalNeeded as needed:
                return _kept(ask_for_approval(needed))

        try:
            return self.run_once(taken_or_kept)
        except BudgetReached as refusal:
            note_refusal(self.workspace, refusal)
            raise


class Renders(RenderView):
    @extend_schema(
        operation_id="list_renders",
        tags=TAGS,
        summary="List renders, newest first",
        parameters=[RendersQuery, METADATA],
        responses=list_serializer(RenderSerializer),
    )
    def get(self, _request: Any) -> Response:
        asked = self.query(RendersQuery)
        limit = asked.pop("limit")
        rows = listing(self.workspace, asked, most=limit + 1)
        return Response(page(rows, serialize_render, limit=limit))

    @extend_schema(
        operation_id="create_render",
        tags=TAGS,
        summary="Ask for a video",
        description="The most that it can cost is held at once and settled when it is ready; a video that fails costs "
        "nothing. With an Idempotency-Key a repeat never makes, holds or charges a second time. With several takes "
        "the answer is the first of them; the others share its `group`.",
        request=RenderInput,
        responses={201: RenderSerializer, **PAYMENT},
    )
    def post(self, _request: Any) -> HttpResponseBase:
        self.query(NoQuery)
        asked = self.told(self.body(RenderInput))
        # Files may have to be fetched, which is no work for a transaction.
        portrait, voice, spoken = resolve.media(self.token, asked, user=self.user)
        if not spoken or spoken.ready:
            prepare((voice, asked.get("model", "draft")))
        captions = resolve.captions(asked, voice)

        def operation() -> Response:
            request = resolve.from_body(
                self.token,
                asked,
                project=resolve.project(self.workspace, asked.get("project")),
                portrait=portrait,
                voice=voice,
                captions=captions,
                spoken=spoken,
            )
            if "quote" in asked:
                request = as_quoted(request, asked)
            return _made(take_within(request, user=self.user)[0])

        return self.asking(operation)


class OneRender(RenderView):
    @extend_schema(
        operation_id="get_render",
        tags=TAGS,
        summary="Get a render, or wait for its end",
        parameters=[WaitQuery],
        responses=RenderSerializer,
    )
    def get(self, _request: Any, render: str) -> Response:
        asked = self.query(WaitQuery)
        row = one(self.workspace, render)
        if asked["wait"] and not row.ended:
            with suppress(NoPlace):  # then as it stands, at once
                row = until_ended(row, seconds=asked["wait"])
        return Response(serialize_render(row))

    @extend_schema(
        operation_id="change_render",
        tags=TAGS,
        summary="Change a render’s title, tags, reference or metadata",
        request=ChangeInput,
        responses=RenderSerializer,
    )
    def patch(self, _request: Any, render: str) -> HttpResponseBase:
        self.query(NoQuery)
        get_object_or_404(self.renders(), pk=render)
        asked = self.body(ChangeInput)

        def operation() -> Response:
            row = get_object_or_404(self.renders().select_for_update(of=("self",), no_key=True), pk=render)
            self.demand_unchanged(serialize_render(row))
            change_render(row, asked)
            return Response(serialize_render(row))

        return self.run_once(operation)

    @extend_schema(
        operation_id="delete_render",
        tags=TAGS,
        summary="Delete an ended render",
        description="It can be had back by `restore` for 30 days, and is stored until then; then it is gone for good.",
        responses={204: None},
    )
    def delete(self, _request: Any, render: str) -> HttpResponseBase:
        self.query(NoQuery)
        row = get_object_or_404(self.renders(), pk=render)
        self.demand_unchanged(serialize_render(row))

        def operation() -> Response:
            bin_video(row)
            return Response(status=204)

        return self.run_once(operation)


def _stopping(row: Render) -> bool:
    """Whether it was asked to stop before, and still may."""
    return row.cancel_requested_at is not None and not cancel_terms(row).too_late


class CancelRender(RenderView):
    @extend_schema(
        operation_id="cancel_render",
        tags=TAGS,
        summary="Stop a render, or ask its provider to",
        description="What is held comes back when it stops. A render that has been cancelled is answered as it is.",
        request=None,
        responses=RenderSerializer,
    )
    def post(self, _request: Any, render: str) -> HttpResponseBase:
        self.query(NoQuery)
        row = get_object_or_404(self.renders(), pk=render)

        def operation() -> Response:
            if row.state != "cancelled" and not _stopping(row) and not request_cancel(row, user=self.user):
                row.refresh_from_db()
                raise Problem("cannot_cancel", cancel_terms(row).sentence, field="render")
            row.refresh_from_db()
            return Response(serialize_render(row))

        return self.run_once(operation)


class GiveUpRender(RenderView):
    http_method_names: ClassVar[list[str]] = ["put", "delete"]  # type: ignore[misc]

    @extend_schema(
        operation_id="give_up_render",
        tags=TAGS,
        summary="Have a late render given up at a moment, for nothing",
        description="For one whose `state_detail` is `late`, whether or not its provider can stop it. If it is ready "
        "by then it is delivered and charged; else it ends as failed (`given_up`), and all that is held comes back.",
        request=GiveUpInput,
        responses=RenderSerializer,
    )
    def put(self, _request: Any, render: str) -> HttpResponseBase:
        self.query(NoQuery)
        asked = self.body(GiveUpInput)
        return self._wish(render, timezone.now() + timedelta(seconds=asked["in_seconds"]))

    @extend_schema(
        operation_id="wait_for_render",
        tags=TAGS,
        summary="Wait for a render that was to be given up",
        responses={200: RenderSerializer},
    )
    def delete(self, _request: Any, render: str) -> HttpResponseBase:
        self.query(NoQuery)
        return self._wish(render, None)

    def _wish(self, render: str, moment: datetime | None) -> HttpResponseBase:
        row = get_object_or_404(self.renders(), pk=render)

        def operation() -> Response:
            wish_given_up(row, moment, user=self.user)
            row.refresh_from_db()
            return Response(serialize_render(row))

        return self.run_once(operation)


class RetryRender(RenderView):
    @extend_schema(
        operation_id="retry_render",
        tags=TAGS,
        summary="Ask again for what an ended render asked for",
        description="A new render with a hold of its own, at today’s price.",
        request=None,
        responses={201: RenderSerializer, **PAYMENT},
    )
    def post(self, _request: Any, render: str) -> HttpResponseBase:
        self.query(NoQuery)
        row = get_object_or_404(self.renders().select_related("project", "portrait", "voice", "token"), pk=render)
        if voice := row.voice or (row.speech and row.speech.upload):
            prepare((voice, row.model))
        return self.asking(lambda: _made(retry_render(row, user=self.user, token=self.token)))


class RestoreRender(RenderView):
    @extend_schema(
        operation_id="restore_render",
        tags=TAGS,
        summary="Have a deleted render back",
        description="As long as it is not gone for good, 30 days after it was deleted.",
        request=None,
        responses=RenderSerializer,
    )
    def post(self, _request: Any, render: str) -> HttpResponseBase:
        self.query(NoQuery)
        row = get_object_or_404(Render.objects.with_binned(self.workspace), pk=render)

        def operation() -> Response:
            restore_video(row)
            return Response(serialize_render(row))

        return self.run_once(operation)


class ReleaseRender(RenderView):
    @extend_schema(
        operation_id="release_render",
        tags=TAGS,
        summary="Give out a render that was withheld after its content check",
        description="Costs nothing. What the people who run the service withhold stays so. A render that is not "
        "withheld is answered as it is.",
        request=None,
        responses=RenderSerializer,
    )
    def post(self, _request: Any, render: str) -> HttpResponseBase:
        self.query(NoQuery)
        row = get_object_or_404(self.renders(), pk=render)

        def operation() -> Response:
            release(row, user=self.user)
            row.refresh_from_db()
            return Response(serialize_render(row))

        return self.run_once(operation)


class RenderEvents(RenderView):
    @extend_schema(
        operation_id="list_render_events",
        tags=TAGS,
        summary="What has happened to a render, oldest first",
        responses=list_serializer(EventSerializer),
    )
    def get(self, _request: Any, render: str) -> Response:
        self.query(NoQuery)
        row = get_object_or_404(self.renders(), pk=render)
        return Response(listed([serialize_event(event) for event in row.events.all()]))


class RenderOutputs(RenderView):
    @extend_schema(
        operation_id="list_render_outputs",
        tags=TAGS,
        summary="The files of a render, with links for whoever has no token",
        responses=list_serializer(LinkedOutputSerializer),
    )
    def get(self, _request: Any, render: str) -> Response:
        self.query(NoQuery)
        row = get_object_or_404(self.renders(), pk=render)
        outputs = [] if delete_if_due(row) else outputs_of(row)
        return Response(listed([_linked(row, output) for output in outputs]))

    @extend_schema(
        operation_id="make_render_output",
        tags=TAGS,
        summary="Have a finished video in another format",
        description="It is made in a moment or some minutes and costs nothing; `renditions` of the render say how far "
        "it is, and then it is among the outputs. What is there already is given as it is.",
        request=RenditionInput,
        responses={201: RenditionSerializer},
    )
    def post(self, _request: Any, render: str) -> HttpResponseBase:
        self.query(NoQuery)
        form = RenditionFormat(self.body(RenditionInput)["format"])

        def operation() -> Response:
            row = get_object_or_404(self.renders(), pk=render)
            ask_for(row, form)
            (made,) = (each for each in renditions_of(row) if each["format"] == form)
            return Response(made, status=201)

        return self.run_once(operation)


class RenderOutput(RenderView):
    content_negotiation_class = LeadsToFile

    @extend_schema(
        operation_id="get_render_output",
        tags=TAGS,
        summary="A file of a render, by its stable link",
        parameters=[OUTPUT],
        responses={302: OpenApiResponse(description="Leads to the file, by a link that ends.")},
    )
    def get(self, _request: Any, render: str, output: str) -> HttpResponseBase:
        self.query(NoQuery)
        row = get_object_or_404(self.renders(), pk=render)
        if delete_if_due(row) or output not in output_names(row):
            raise Http404
        return HttpResponseRedirect(_link(row, output))

    @extend_schema(
        operation_id="delete_render_output",
        tags=TAGS,
        summary="Delete what was made of a video in another format",
        description="The video itself, its poster and its captions are not deleted so.",
        parameters=[RENDITION],
        responses={204: None},
    )
    def delete(self, _request: Any, render: str, output: str) -> HttpResponseBase:
        self.query(NoQuery)

        def operation() -> Response:
            row = get_object_or_404(self.renders(), pk=render)
            found = next((each for each in row.renditions.all() if each.output == output), None)
            if found is None:
                raise Http404
            remove(found)
            return Response(status=204)

        return self.run_once(operation)


def _made(render: Render) -> Response:
    location = reverse("api_render", kwargs={"render": render.pk})
    return Response(serialize_render(render), status=201, headers={"Location": location})


def _kept(approval: Approval) -> Response:
    location = reverse("api_approval", kwargs={"approval": approval.pk})
    return Response(serialize_approval(approval), status=202, headers={"Location": location})


def _linked(render: Render, output: dict[str, str]) -> dict[str, Any]:
    link = _link(render, output["kind"])
    ends = timezone.now() + timedelta(seconds=life_of(render))
    return {**output, "download_url": link if "://" in link else site_link(link), "expires_at": ends}


def _link(render: Render, output: str) -> str:
    return signed_link(output_names(render)[output], seconds=life_of(render))


def life_of(render: Render) -> int:
    """Seconds for which a link works: not longer than the file."""
    left = seconds_left(render)
    return settings.FILE_LINK_SECONDS if left is None else max(1, min(left, settings.FILE_LINK_SECONDS))
