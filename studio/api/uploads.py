"""Portraits and voices: as a file, from an address, spelt out, or through a slot."""

from __future__ import annotations

import tempfile
from typing import Any, ClassVar

from django.core.exceptions import RequestDataTooBig
from django.core.files.base import File
from django.http import HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.parsers import BaseParser
from rest_framework.response import Response

from avatarsite.api.pagination import page_of
from avatarsite.api.parsers import Form, StrictJSON
from avatarsite.api.problems import Problem
from avatarsite.api.serializers import NoQuery, list_serializer
from avatarsite.api.views import ApiView, LeadsToFile
from studio.api.inputs import CropInput, FetchInput, FileInput, SlotInput, UploadsQuery
from studio.api.serializers import SlotSerializer, UploadSerializer, serialize_slot, serialize_upload
from studio.errors import RequestRefused
from studio.models import Upload, UploadKind, UploadSlot
from studio.storage.ledger import check_room
from studio.storage.local import signed_link
from studio.uploads.add import add_upload, delete_upload
from studio.uploads.crops import crop_upload
from studio.uploads.direct import check_sent, complete_slot, fill_slot, open_slot, slot_of
from studio.uploads.fetch import MAX_BYTES, fetch_upload, inline_upload

TAGS = ["Uploads"]
REDIRECT = OpenApiResponse(description="Leads to the file, by a link that ends.")


class Uploads(ApiView):
    parser_classes: ClassVar[tuple[type[BaseParser], ...]] = (StrictJSON, Form)  # type: ignore[misc]

    @extend_schema(
        operation_id="list_uploads",
        tags=TAGS,
        summary="List uploads",
        parameters=[UploadsQuery],
        responses=list_serializer(UploadSerializer),
    )
    def get(self, _request: Any) -> Response:
        asked = self.query(UploadsQuery)
        rows = Upload.objects.for_workspace(self.workspace)
        if "kind" in asked:
            rows = rows.filter(kind=asked["kind"])
        return Response(page_of(rows, serialize_upload, cursor=asked.get("cursor", ""), limit=asked["limit"]))

    @extend_schema(
        operation_id="create_upload",
        tags=TAGS,
        summary="Upload a portrait or a voice",
        description="As a multipart form with `kind` and `file`, or as JSON with `kind` and either `url`, a public "
        "address that we fetch, or `data`, the file itself as a data URI. The same bytes twice are one upload.",
        request={"multipart/form-data": FileInput, "application/json": FetchInput},
        responses={201: UploadSerializer},
    )
    def post(self, request: Any) -> HttpResponseBase:
        self.query(NoQuery)
        upload = self._sent() if request.content_type.startswith(Form.media_type) else self._named()
        return self.run_once(lambda: _made(upload))

    def _sent(self) -> Upload:
        sent = FileInput(data=self.request.data)
        sent.is_valid(raise_exception=True)
        file, kind = sent.validated_data["file"], UploadKind(sent.validated_data["kind"])
        return add_upload(self.workspace, kind=kind, file=file, name=file.name or "", user=self.user)

    def _named(self) -> Upload:
        asked = self.body(FetchInput)
        kind = UploadKind(asked["kind"])
        if ("url" in asked) == ("data" in asked):
            found_wrong = "The file comes from “url” or from “data”, and it needs exactly one of them."
            raise RequestRefused("url", "one_source", found_wrong, "Send one of the two.")
        if "url" in asked:
            return fetch_upload(self.workspace, kind=kind, url=asked["url"], user=self.user)
        return inline_upload(self.workspace, kind=kind, text=asked["data"], user=self.user)


class OneUpload(ApiView):
    @extend_schema(operation_id="get_upload", tags=TAGS, summary="Get an upload", responses=UploadSerializer)
    def get(self, _request: Any, upload: str) -> Response:
        self.query(NoQuery)
        return Response(serialize_upload(get_object_or_404(Upload.objects.for_workspace(self.workspace), pk=upload)))

    @extend_schema(
        operation_id="delete_upload", tags=TAGS, summary="Delete an upload that no video uses", responses={204: None}
    )
    def delete(self, _request: Any, upload: str) -> HttpResponseBase:
        self.query(NoQuery)
        row = get_object_or_404(Upload.objects.for_workspace(self.workspace), pk=upload)
        self.demand_unchanged(serialize_upload(row))

        def operation() -> Response:
            delete_upload(row)
            return Response(status=204)

        return self.run_once(operation)


class UploadFile(ApiView):
    content_negotiation_class = LeadsToFile

    @extend_schema(operation_id="get_upload_file", tags=TAGS, summary="The stored file", responses={302: REDIRECT})
    def get(self, _request: Any, upload: str) -> HttpResponseBase:
        self.query(NoQuery)
        row = get_object_or_404(Upload.objects.for_workspace(self.workspace), pk=upload)
        return HttpResponseRedirect(signed_link(row.file.name or ""))


class Crops(ApiView):
    @extend_schema(
        operation_id="crop_upload",
        tags=TAGS,
        summary="Crop a portrait to a shape",
        description="As much of it as the shape takes, with the face well placed. The original stays; the crop is an "
        "upload of its own, once for the same shape. A portrait that has the shape already is answered as it is.",
        request=CropInput,
        responses={201: UploadSerializer},
    )
    def post(self, _request: Any, upload: str) -> HttpResponseBase:
        self.query(NoQuery)
        row = get_object_or_404(Upload.objects.for_workspace(self.workspace), pk=upload)
        asked = self.body(CropInput)
        made = crop_upload(row, asked["ratio"], user=self.user)
        return self.run_once(lambda: _made(made))


class Slots(ApiView):
    @extend_schema(
        operation_id="open_upload_slot",
        tags=TAGS,
        summary="Open a slot for a direct upload",
        description="Send the bytes to the slot’s `url` with PUT and the slot’s `headers`, then complete the slot. "
        "Announce the file’s size as `bytes`: at a bucket the bytes then go straight there, and the room that they "
        "need is kept for them.",
        request=SlotInput,
        responses={201: SlotSerializer},
    )
    def post(self, _request: Any) -> HttpResponseBase:
        self.query(NoQuery)
        asked = self.body(SlotInput)

        def operation() -> Response:
            kind, name = UploadKind(asked["kind"]), asked.get("name", "")
            slot = open_slot(
                self.workspace, kind=kind, name=name, user=self.user, token=self.token, size=asked.get("bytes")
            )
            return Response(serialize_slot(slot), status=201)

        return self.run_once(operation)


class CompleteSlot(ApiView):
    @extend_schema(
        operation_id="complete_upload_slot",
        tags=TAGS,
        summary="Make an upload of what was sent to a slot",
        request=None,
        responses={201: UploadSerializer},
    )
    def post(self, _request: Any, slot: str) -> HttpResponseBase:
        self.query(NoQuery)
        upload = complete_slot(self.workspace, slot, user=self.user)
        return self.run_once(lambda: _made(upload))


class SlotFile(ApiView):
    """Takes the bytes of a slot. The address is its own permission, as a presigned one at a bucket would be."""

    authentication_classes = ()  # type: ignore[assignment]
    permission_classes = ()  # type: ignore[assignment]
    content_negotiation_class = LeadsToFile
    http_method_names: ClassVar[list[str]] = ["put"]  # type: ignore[misc]
    schema = None

    def put(self, request: Any, token: str) -> HttpResponseBase:
        slot = slot_of(token)
        if slot is None:
            raise Problem("slot_gone", "This address is not valid any more, or never was.")
        _check_announced(request, slot)
        with tempfile.TemporaryFile(prefix="slot-") as copy:
            if not _copy(request, copy, MAX_BYTES[UploadKind(slot.kind)]):
                raise Problem("empty_body", "The body is empty, and nothing was kept.")
            copy.seek(0)
            fill_slot(slot, File(copy, name=slot.name))
        return HttpResponse(status=204)


def _check_announced(request: Any, slot: UploadSlot) -> None:
    """Before a byte is read: what is sent is as large as announced, or there is room for it."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    size = int(length) if length.isdecimal() else 0
    check_sent(slot, size)
    if slot.bytes is None:
        check_room(slot.workspace, size, field=slot.kind)


def _copy(request: Any, into: Any, most: int) -> int:
    """How many bytes there were. Raises RequestDataTooBig beyond ``most`` bytes."""
    size = 0
    while chunk := request.read(1 << 18):
        size += len(chunk)
        if size > most:
            raise RequestDataTooBig
        into.write(chunk)
    return size


def _made(upload: Upload) -> Response:
    location = reverse("api_upload", kwargs={"upload": upload.pk})
    return Response(serialize_upload(upload), status=201, headers={"Location": location})
