"""Idempotency of writes: answers are kept for a day under the caller's key, so that a repeat does nothing twice.

The key is taken, the work done and the answer kept in one transaction. A process that is killed in between leaves
nothing, and its repeat starts anew; once the transaction is in, every repeat finds the answer. Parallel repeats wait at
the unique key until the first is through: PostgreSQL holds them there, and SQLite lets one writer in at a time.

A refused request has had no effect, so its key stays free for the corrected one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.db import IntegrityError, transaction
from django.http import HttpResponse
from django.utils import timezone
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from avatarsite.api.models import KEY_LENGTH, IdempotencyRecord
from avatarsite.api.problems import Problem
from avatarsite.workspaces.models import ApiToken, Workspace

HEADER = "Idempotency-Key"
RETENTION = timedelta(hours=24)
STORED_HEADERS = ("Location",)
BATCH = 5_000
Operation = Callable[[], Response]


class KeyRefused(ValueError):
    """The Idempotency-Key is none, or was used for something else."""


class _Taken(Exception):
    """Somebody else has the key, and has committed."""


@dataclass(frozen=True, slots=True)
class IdempotentRequest:
    """A write with a key: of which workspace, under which key, asking for what."""

    workspace: Workspace
    key: str
    digest: str

    def stored_response(self) -> HttpResponse | None:
        """The answer from before. Raises Problem when the key was used for something else."""
        row = IdempotencyRecord.objects.filter(workspace=self.workspace, key=self.key).first()
        if row is None:
            return None
        if row.created_at < timezone.now() - RETENTION:
            IdempotencyRecord.objects.filter(pk=row.pk).delete()
            return None
        if row.digest != self.digest:
            detail = f"The {HEADER} {self.key} came before with another request; nothing was done now."
            raise Problem("idempotency_key_reused", detail, field=HEADER)
        return _as_it_was(row)

    def run_once(self, operation: Operation) -> HttpResponse:
        """Do it and keep the answer, or give the answer of whoever did it first."""
        try:
            with transaction.atomic():
                row = self._take()
                answer = operation()
                _keep(row, answer)
        except _Taken:
            return self.stored_response() or self.run_once(operation)
        return _as_it_was(row, replayed=False)

    def _take(self) -> IdempotencyRecord:
        now = timezone.now()
        try:
            return IdempotencyRecord.objects.create(
                workspace=self.workspace, key=self.key, digest=self.digest, created_at=now
            )
        except IntegrityError as error:
            raise _Taken from error


def key_in(headers: Mapping[str, str]) -> str:
    """The Idempotency-Key of a request; empty without one. Raises KeyRefused."""
    key = headers.get(HEADER)
    if key is None:
        return ""
    if not 1 <= len(key) <= KEY_LENGTH or not all("!" <= character <= "~" for character in key):
        raise KeyRefused(f"The {HEADER} has to be 1 to {KEY_LENGTH} visible ASCII characters.")
    return key


def idempotent_request(request: Request) -> IdempotentRequest | None:
    """What the request's Idempotency-Key makes of it; None without one. Raises Problem for a key that is none."""
    try:
        key = key_in(request.headers)
    except KeyRefused as refusal:
        raise Problem("idempotency_key_invalid", str(refusal), field=HEADER) from refusal
    if not key:
        return None
    assert isinstance(request.auth, ApiToken)  # noqa: S101 -- asked after the token was
    return IdempotentRequest(request.auth.workspace, key, _digest(request, test=request.auth.test))


def forget_old_records() -> int:
    """Delete records that are older than a day; gives how many."""
    old = IdempotencyRecord.objects.filter(created_at__lt=timezone.now() - RETENTION).order_by("created_at")
    return IdempotencyRecord.objects.filter(pk__in=list(old.values_list("pk", flat=True)[:BATCH])).delete()[0]


def _digest(request: Request, *, test: bool) -> str:
    """Of what is asked and not of how it's spelt: the order of names and a form's boundary don't count."""
    asked = [request.method, request.get_full_path(), test, _content(request.data)]
    return hashlib.sha256(json.dumps(asked, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _content(data: Any) -> Any:
    if not hasattr(data, "lists"):
        return data
    form: Mapping[str, list[Any]] = dict(data.lists())
    return {name: [_part(value) for value in values] for name, values in form.items()}


def _part(value: Any) -> Any:
    if not isinstance(value, UploadedFile):
        return value
    digest = hashlib.sha256()
    for chunk in value.chunks():
        digest.update(chunk)
    value.seek(0)
    return [value.name, digest.hexdigest()]


def _keep(row: IdempotencyRecord, answer: Response) -> None:
    row.status = answer.status_code
    row.headers = {name: answer.headers[name] for name in STORED_HEADERS if name in answer.headers}
    row.body = "" if answer.data is None else JSONRenderer().render(answer.data).decode()
    row.save(update_fields=["status", "headers", "body"])


def _as_it_was(row: IdempotencyRecord, *, replayed: bool = True) -> HttpResponse:
    response = HttpResponse(row.body, status=row.status, content_type="application/json", headers=row.headers)
    if not row.body:
        del response.headers["Content-Type"]
    if replayed:
        response.headers["Idempotency-Replayed"] = "true"
    return response
