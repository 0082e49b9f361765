"""Views of fal's storage: tokens, uploads in one piece, in parts and by a signed address; and the files themselves."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from functools import wraps
from typing import Any
from urllib.parse import unquote
from uuid import UUID

from django.conf import settings
from django.core.signing import BadSignature, TimestampSigner
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from avatarsite.errors import DomainError
from avatarsite.http.json_body import NotJson
from avatarsite.workspaces.access import Action
from avatarsite.workspaces.models import ApiToken
from avatarsite.workspaces.tokens import admits, is_live
from studio.gateway import stored_files
from studio.gateway.fal import signing
from studio.gateway.fal.errors import domain_error_response, error_response, unreadable_response
from studio.gateway.fal.requests import HeaderRefused, lifecycle
from studio.gateway.fal.views import View, fal_view
from studio.gateway.http import BodyTooLarge, TooOften, check_rate, json_in
from studio.gateway.links import file_link
from studio.gateway.models import GatewayFile
from studio.storage.ledger import check_room

TOKEN_LIFE = timedelta(minutes=10)
PARTS_LIFE = timedelta(hours=1)  # for all parts of a file, over whatever line
STORAGES = ("fal-cdn-v3", "gcs")
CHUNK = 1 << 18
WHOSE = ("workspace", "token__workspace", "token__made_by", "token__maker")
_uploader = TimestampSigner(salt="studio.gateway.fal.uploader")
_ticket = TimestampSigner(salt="studio.gateway.fal.ticket")


@fal_view(Action.RENDER, "POST")
def upload_token(request: HttpRequest, token: ApiToken) -> HttpResponseBase:
    if request.GET.get("storage_type") != "fal-cdn-v3":
        return error_response(400, "Unknown storage_type")
    body = {
        "token": _uploader.sign(token.pk),
        "token_type": "Bearer",
        "base_url": f"{settings.SITE_URL}/compat/fal/cdn",
        "expires_at": (timezone.now() + TOKEN_LIFE).isoformat(),
    }
    return JsonResponse(body)


@fal_view(Action.RENDER, "POST")
def initiate(request: HttpRequest, token: ApiToken) -> HttpResponseBase:
    """A place, and an address that takes its bytes once without a key; or, under ``…-multipart``, its parts."""
    try:
        wanted = json_in(request)
    except NotJson as error:
        return unreadable_response(error)
    name = wanted.get("file_name") if isinstance(wanted, dict) else None
    # Older clients, and those of other languages, name no storage.
    if request.GET.get("storage_type", STORAGES[0]) not in STORAGES or not isinstance(name, str) or not name:
        return error_response(422, "file_name is required, and storage_type must be a known one")
    # The two clients name one thing in two ways.
    life = _life(request, "X-Fal-Object-Lifecycle-Preference") or _life(request, "X-Fal-Object-Lifecycle")
    content_type = str(wanted.get("content_type") or "")
    file = stored_files.new_file(token.workspace, name=name, content_type=content_type, life=life, token=token)
    ticket = _ticket.sign(str(file.pk)).partition(":")[2]
    upload_url = f"{settings.SITE_URL}/compat/fal/cdn/upload/{file.pk}?signature={ticket}"
    return _with_lifecycle({"upload_url": upload_url, "file_url": file_link(file)}, file)


def key_list(_request: HttpRequest) -> JsonResponse:
    return JsonResponse(signing.key_list(), headers={"Cache-Control": "public, max-age=3600"})


def cdn_view(method: str) -> Callable[[View], View]:
    """A view that gets the token behind the upload token, and refuses in fal's words."""

    def decorate(view: View) -> View:
        @csrf_exempt
        @wraps(view)
        def guarded(request: HttpRequest, **route: Any) -> HttpResponseBase:
            token = _uploader_of(request)
            if token is None:
                return error_response(401, "Invalid token")
            if request.method != method:
                return error_response(405, "Method Not Allowed")
            try:
                check_rate(token, reads=False)
                return view(request, token, **route)
            except TooOften as error:
                return error_response(429, "Rate limit exceeded", **error.retry_after)
            except HeaderRefused as error:
                return error_response(400, str(error))
            except (stored_files.TooLarge, BodyTooLarge) as error:
                return error_response(413, str(error))
            except stored_files.Empty as error:
                return error_response(400, str(error))
            except DomainError as refusal:
                return domain_error_response(refusal)

        return guarded

    return decorate


@cdn_view("POST")
def upload(request: HttpRequest, token: ApiToken) -> HttpResponseBase:
    """One file in one piece."""
    check_room(token.workspace, _announced(request))
    with stored_files.received(_chunks(request)) as content:
        file = _begun(request, token)
        stored_files.keep(file, content)
    return _with_lifecycle({"access_url": file_link(file)}, file)


def signed_view(method: str, life: timedelta) -> Callable[[View], View]:
    """A view behind an address that was given out for one file, and needs no key until the file is whole."""

    def decorate(view: View) -> View:
        @csrf_exempt
        @wraps(view)
        def guarded(request: HttpRequest, file_id: UUID, **route: Any) -> HttpResponseBase:
            try:
                _ticket.unsign(f"{file_id}:{request.GET.get('signature', '')}", max_age=life)
            except BadSignature:
                return _not_signed()
            file = GatewayFile.objects.select_related(*WHOSE).filter(pk=file_id).first()
            if request.method != method or file is None or file.token is None or not admits(file.token):
                return _not_signed()
            try:
                return view(request, file, **route)
            except stored_files.TooLarge as error:
                return error_response(413, str(error))
            except stored_files.Empty as error:
                return error_response(400, str(error))
            except DomainError as refusal:
                return domain_error_response(refusal)

        return guarded

    return decorate


@signed_view("PUT", TOKEN_LIFE)
def upload_signed(request: HttpRequest, file: GatewayFile) -> HttpResponseBase:
    if file.bytes is not None:
        return _not_signed()
    check_room(file.workspace, _announced(request))
    with stored_files.received(_chunks(request)) as content:
        kept = stored_files.keep(file, content)
    return HttpResponse(status=200 if kept else 403)


@signed_view("PUT", PARTS_LIFE)
def upload_signed_part(request: HttpRequest, file: GatewayFile, number: int) -> HttpResponseBase:
    return _part(request, file, number)


@signed_view("POST", PARTS_LIFE)
def complete_signed(request: HttpRequest, file: GatewayFile) -> HttpResponseBase:
    return _whole(request, file)


def _not_signed() -> HttpResponse:
    return HttpResponse("SignatureDoesNotMatch", status=403, content_type="text/plain")


@cdn_view("POST")
def begin_multipart(request: HttpRequest, token: ApiToken) -> HttpResponseBase:
    file = _begun(request, token)
    return _with_lifecycle({"access_url": file_link(file), "uploadId": file.pk.hex}, file)


def _with_lifecycle(body: dict[str, str], file: GatewayFile) -> JsonResponse:
    """With the life that the file has, which may be shorter than was asked for."""
    seconds = round((file.expires_at - timezone.now()).total_seconds())
    return JsonResponse(body, headers={"X-Fal-Object-Lifecycle": json.dumps({"expiration_duration_seconds": seconds})})


@cdn_view("PUT")
def upload_part(
    request: HttpRequest, token: ApiToken, file_id: UUID, upload_id: str, number: int, **_: str
) -> HttpResponse:
    file = _mine(token, file_id, upload_id)
    return _part(request, file, number) if file else error_response(404, "Upload not found")


@cdn_view("POST")
def complete_multipart(
    request: HttpRequest, token: ApiToken, file_id: UUID, upload_id: str, **_: str
) -> HttpResponseBase:
    file = _mine(token, file_id, upload_id)
    return _whole(request, file) if file else error_response(404, "Upload not found")


def _part(request: HttpRequest, file: GatewayFile, number: int) -> HttpResponse:
    """Kept; one client reads its name in the end from the header, the other from the body."""
    if file.bytes is not None:
        return error_response(404, "Upload not found")
    try:
        etag = stored_files.keep_part(file, number, request.read(stored_files.PART_BYTES + 1))
    except stored_files.PartsDiffer as error:
        return error_response(400, str(error))
    return JsonResponse({"partNumber": number, "etag": f'"{etag}"'}, headers={"ETag": f'"{etag}"'})


def _whole(request: HttpRequest, file: GatewayFile) -> HttpResponseBase:
    try:
        # Whoever has lost the answer asks again, and the parts have gone by then.
        if file.bytes is None:
            listed = {part["partNumber"]: part["etag"].strip('"') for part in json_in(request)["parts"]}
            stored_files.join_parts(file, listed)
    except NotJson as error:
        return unreadable_response(error)
    except (BodyTooLarge, KeyError, TypeError, AttributeError, stored_files.PartsDiffer):
        return error_response(400, "Invalid parts")
    return JsonResponse({"access_url": file_link(file)})


def _mine(token: ApiToken, file_id: UUID, upload_id: str) -> GatewayFile | None:
    """The caller's own file that comes in parts, or has come."""
    mine = GatewayFile.objects.for_workspace(token.workspace).filter(pk=file_id)
    return mine.first() if upload_id == file_id.hex else None


def _begun(request: HttpRequest, token: ApiToken) -> GatewayFile:
    return stored_files.new_file(
        token.workspace,
        name=_utf8(request.headers.get("X-Fal-File-Name", "upload.bin")),
        content_type=request.headers.get("Content-Type", ""),
        life=_life(request, "X-Fal-Object-Lifecycle"),
        token=token,
    )


def _utf8(header: str) -> str:
    """A header's text as its sender meant it: percent-encoded, or UTF-8, which arrives read as Latin-1."""
    with suppress(UnicodeError):
        return unquote(header.encode("latin-1").decode(), errors="strict")
    return header


def _life(request: HttpRequest, name: str) -> timedelta | None:
    seconds = lifecycle(request.headers.get(name), name)
    return timedelta(seconds=seconds) if seconds else None


def _uploader_of(request: HttpRequest) -> ApiToken | None:
    scheme, _, signed = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        return None
    try:
        token_id = _uploader.unsign(signed, max_age=TOKEN_LIFE)
    except BadSignature:
        return None
    token = ApiToken.objects.select_related("workspace", "made_by", "maker").filter(pk=token_id).first()
    return token if token is not None and is_live(token) and admits(token) else None


def _announced(request: HttpRequest) -> int:
    length = request.META.get("CONTENT_LENGTH") or "0"
    return int(length) if length.isdecimal() else 0


def _chunks(request: Any) -> Iterator[bytes]:
    while chunk := request.read(CHUNK):
        yield chunk
