"""Intake of a client's request: the row first, then its media, then the render, asked for as everybody else does."""

from __future__ import annotations

import logging
from datetime import timedelta
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from avatarsite.errors import DomainError
from avatarsite.queue import jobs
from avatarsite.queue.due_rows import backoff
from avatarsite.web.places import NoPlace
from avatarsite.workspaces.models import ApiToken
from billing.budgets.notices import note_refusal
from billing.errors import BudgetReached, InsufficientCredit
from billing.ledger import posting
from studio.gateway import errors
from studio.gateway.errors import DuplicateRequest, GatewayError, Rejected
from studio.gateway.incoming import IncomingRequest
from studio.gateway.models import GatewayRequest, RequestState
from studio.gateway.status import renders_of
from studio.gateway.stored_files import upload_of
from studio.gateway.webhooks import create_webhooks
from studio.media.voices.voices import MIN_MS, check_at_once
from studio.models import RenderState, Upload, UploadKind
from studio.pipeline.cancel import finish_cancelled, request_cancel
from studio.pipeline.request import limits
from studio.pipeline.request.options import checked_options
from studio.pipeline.request.quote import Quote, quote_render
from studio.pipeline.request.render_request import RenderRequest
from studio.pipeline.request.take import take
from studio.projects import project_for_new_video
from studio.providers import registry
from studio.storage.ledger import StorageTooFast
from studio.uploads.fetch import FileNotFetched, fetch_upload, inline_upload, is_address, trimmed

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=180)  # two fetches of a minute each, and judging what came
MAX_TRIES = 4  # when the address might answer another time; then, or when we break down ourselves, it is over
FETCH_SECONDS = 60.0
ORPHANED = "The token that asked for it has been deleted."
BROKE_DOWN = "Our own work on this request broke down several times."


def accept(incoming: IncomingRequest) -> GatewayRequest:
    """Write the request down and queue what is to be done about it. No network call is made here.

    Raises DuplicateRequest, or Rejected for what can be known before the media are there.
    """
    known = GatewayRequest.objects.for_workspace(incoming.token.workspace).filter(
        protocol=incoming.protocol, reference=incoming.reference
    )
    if first := known.first():
        raise DuplicateRequest(first)
    _check_possible(incoming)
    row = _row_of(incoming)
    if not incoming.error:
        _read_spelt_out(row)
    try:
        with transaction.atomic():
            row.save(force_insert=True)
            if row.state == RequestState.FETCHING:
                jobs.enqueue("studio.gateway_start", request_id=row.pk)
            else:
                create_webhooks(row)
    except IntegrityError:
        if (first := known.first()) is None:
            raise
        raise DuplicateRequest(first) from None
    return row


def least_quote(token: ApiToken, slug: str) -> Quote:
    """The quote of the shortest voice that there can be: who would make it, and the least that it can cost."""
    return quote_render(model=slug, voice_ms=MIN_MS, test=token.test)


def price_now(slug: str) -> int:
    """Micro-dollars that a second costs at whoever would make it now; 0 when nobody would."""
    chosen = quote_render(model=slug, voice_ms=MIN_MS).chosen
    return chosen.price_micros_per_second if chosen else 0


def start_request(request_id: str) -> bool:
    """Fetch what is to be fetched, and ask for the render. True if this call has ended the matter."""
    row = GatewayRequest.objects.select_related("workspace", "token", "portrait", "voice").get(pk=request_id)
    if row.state != RequestState.FETCHING or not row.claim(LEASE):
        return False
    if row.tries > MAX_TRIES:
        return _refuse(row, GatewayError("worker", message=BROKE_DOWN))
    if row.start_by and row.start_by < timezone.now():
        return _refuse(row, GatewayError(errors.NOT_STARTED))
    if row.token is None:  # whether it was a test is not known any more
        return _refuse(row, GatewayError("worker", message=ORPHANED))
    try:
        portrait, voice = (_fetched(row, kind) for kind in UploadKind)
        check_at_once(voice.duration_ms or 0)
    except DomainError as refusal:
        again = getattr(refusal, "retryable", False) and row.tries < MAX_TRIES
        if not again:
            return _refuse(row, error_of(refusal))
        row.put_off(backoff(row.tries, first=2, most=30))
        return False
    except OSError as error:
        if row.waits_out(error):
            return False
        raise
    return _ask(row, portrait, voice)


def fetching() -> QuerySet[GatewayRequest]:
    return GatewayRequest.objects.filter(state=RequestState.FETCHING)


def give_up_late(row: GatewayRequest) -> bool:
    """End a request that no provider has by the time that its client named. True if it has ended by this call.

    What a provider has goes on and the limit is forgotten: it would be made and paid for whoever gave it up. While it's
    on the way to one nobody knows, and it is looked at again.
    """
    if row.start_by is None or row.start_by > timezone.now():
        return False
    with transaction.atomic():
        if _end(row, RequestState.REFUSED, GatewayError(errors.NOT_STARTED)):
            return True
        row.refresh_from_db()
        renders = renders_of(row)
        queued = [render for render in renders if render.state == RenderState.QUEUED]
        ended = [finish_cancelled(render, reason="not begun in the time that was given") for render in queued]
        if not any(render.state in (RenderState.QUEUED, RenderState.SUBMITTING) for render in renders):
            GatewayRequest.objects.filter(pk=row.pk).update(start_by=None)
        if not any(ended):
            return False
        GatewayRequest.objects.filter(pk=row.pk).update(error=GatewayError(errors.NOT_STARTED).stored())
        row.refresh_from_db()
        create_webhooks(row)
    return True


def cancel(row: GatewayRequest) -> bool:
    """Stop it, or ask for that. True if it has ended by this call and nothing will come."""
    with transaction.atomic():
        if _end(row, RequestState.CANCELLED, GatewayError(errors.CANCELLED)):
            return True
    row.refresh_from_db()
    if row.render is None:
        return False
    request_cancel(row.render, user=None)
    row.render.refresh_from_db()
    if not row.render.ended:
        return False
    create_webhooks(row)
    return True


# --- Before there is a row


def _check_possible(incoming: IncomingRequest) -> None:
    """What the pipeline would say of it before it has seen the media."""
    test = incoming.token.test
    try:
        full = checked_options(incoming.options)
    except DomainError as refusal:
        raise Rejected(error_of(refusal)) from refusal
    quote = least_quote(incoming.token, incoming.slug)
    if quote.chosen is None:
        raise Rejected(_not_available(incoming.slug, quote))
    if not incoming.error:
        _check_room(incoming.token, [quote] * full["takes"])
    if test or incoming.error:
        return
    available = posting.balance(incoming.token.workspace).available_micros
    least = quote.chosen.ceiling_micros * full["takes"]
    if available < least:
        raise Rejected(error_of(InsufficientCredit(needed_micros=least, available_micros=available)))


def _check_room(token: ApiToken, quotes: list[Quote]) -> None:
    try:
        limits.check(token.workspace, token, quotes)
    except limits.DraftsLimited as refusal:
        raise Rejected(error_of(refusal)) from refusal


def _not_available(slug: str, quote: Quote) -> GatewayError:
    offers = registry.offers_of(slug)
    has_key = any(not registry.provider(offer.provider).why_unavailable() for offer in offers)
    if not has_key:
        return GatewayError(errors.NOT_SOLD, "model", quote.why)
    return GatewayError(errors.UNAVAILABLE, "model", quote.why, retry_after=quote.retry_after)


def _row_of(incoming: IncomingRequest) -> GatewayRequest:
    now = timezone.now()
    params = {
        "model": incoming.slug,
        "prompt": incoming.prompt,
        "options": incoming.options,
        "fallback": incoming.fallback,
        UploadKind.PORTRAIT.value: incoming.portrait,
        UploadKind.VOICE.value: incoming.voice,
        "digest": incoming.digest,
    }
    seconds = None if incoming.error else incoming.start_seconds
    return GatewayRequest(
        workspace=incoming.token.workspace,
        token=incoming.token,
        protocol=incoming.protocol,
        reference=incoming.reference,
        model=incoming.model,
        body=incoming.body if incoming.keeps_request else {},
        params=params,
        webhook_url=incoming.webhook_url,
        webhook_pending=bool(incoming.webhook_url),
        session=incoming.session,
        client_reference=incoming.client_reference,
        state=RequestState.REFUSED if incoming.error else RequestState.FETCHING,
        error=incoming.error.stored() if incoming.error else None,
        next_try_at=None if incoming.error else now,
        start_by=now + timedelta(seconds=seconds) if seconds else None,
    )


def _read_spelt_out(row: GatewayRequest) -> None:
    """Files that stand in the request itself become uploads at once, so that the row stays small."""
    for kind in UploadKind:
        text = row.params[kind]
        if is_address(text) or _uuid(text):
            continue
        try:
            upload = inline_upload(row.workspace, kind=kind, text=text)
        except (NoPlace, StorageTooFast) as refusal:  # nothing is wrong with the request, and it may come again
            raise Rejected(GatewayError(errors.UNAVAILABLE, message=str(refusal))) from refusal
        except DomainError as refusal:
            row.state, row.next_try_at, row.start_by = RequestState.REFUSED, None, None
            row.error = error_of(refusal).stored()
            row.params[kind] = ""
            return
        setattr(row, kind.value, upload)
        row.params[kind] = ""


# --- Afterwards, in a task


def _fetched(row: GatewayRequest, kind: UploadKind) -> Upload:
    """The upload of this kind; kept on the row as soon as it is there."""
    here: Upload | None = getattr(row, kind.value)
    if here is not None:
        return here
    source = row.params[kind]
    upload = upload_of(row.workspace, source, kind)
    if upload is None and _uuid(source):
        raise FileNotFetched(kind, f"There is no file {source} here.")
    if upload is None:
        upload = fetch_upload(row.workspace, kind=kind, url=source, seconds=FETCH_SECONDS)
    GatewayRequest.objects.filter(pk=row.pk).update(**{kind.value: upload})
    setattr(row, kind.value, upload)
    return upload


def _ask(row: GatewayRequest, portrait: Upload, voice: Upload) -> bool:
    params = row.params
    try:
        with transaction.atomic():
            if not row.finish(state=RequestState.SUBMITTED):
                return False
            request = RenderRequest(
                token=row.token,
                workspace=row.workspace,
                project=project_for_new_video(row.workspace),
                portrait=portrait,
                voice=voice,
                model=params["model"],
                prompt=params["prompt"],
                options=params["options"],
                fallback=params["fallback"],
                reference=row.client_reference or row.reference,
                rights=bool(row.token and row.token.rights),
            )
            renders = take(request, user=None, idempotency_key=f"gateway:{row.pk}")
            done_with = {} if row.body else {"params": {"digest": params.get("digest", "")}}  # X-Fal-Store-IO: 0
            GatewayRequest.objects.filter(pk=row.pk).update(render=renders[0], **done_with)
    except DomainError as refusal:
        row.state = RequestState.FETCHING
        if isinstance(refusal, BudgetReached):
            note_refusal(row.workspace, refusal)
        return _refuse(row, error_of(refusal))
    return True


def error_of(refusal: DomainError) -> GatewayError:
    """A refusal of the domain, for a protocol to put into its words."""
    return GatewayError(refusal.code, refusal.field, str(refusal), retry_after=refusal.retry_after)


def _refuse(row: GatewayRequest, error: GatewayError) -> bool:
    with transaction.atomic():
        return _end(row, RequestState.REFUSED, error)


def _end(row: GatewayRequest, state: RequestState, error: GatewayError) -> bool:
    """End a request that has not become a render, and tell. False if it has moved on."""
    waiting = GatewayRequest.objects.filter(pk=row.pk, state=RequestState.FETCHING)
    if not waiting.update(state=state, error=error.stored(), next_try_at=None, start_by=None):
        return False
    row.refresh_from_db()
    create_webhooks(row)
    return True


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(trimmed(text))
    except ValueError:
        return None
