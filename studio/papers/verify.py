"""Verifying of a file: what it is by its papers, or by our own records, in plain words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from django.core.cache import cache
from django.core.files.base import File
from django.core.files.storage import default_storage
from django.utils.dateparse import parse_datetime

from avatarsite.errors import DomainError
from avatarsite.temporary_files import temporary_folder
from studio.media import judge
from studio.media.manifests import Manifest, Unreadable
from studio.media.sandbox import OverLimit
from studio.media.video.videos import sha256_of
from studio.models import Papers, Render, RenderState, SigningCertificate
from studio.papers.give import CLAIMS
from studio.providers import registry

MAX_BYTES = 700_000_000
MAX_BESIDE = 4_000_000
TRIES, WINDOW = 20, 600  # files of one address, and the seconds that they count for
HEAD = 1_000_000
RENDER = re.compile(r"\brnd_[0-9a-z]{26}\b")
# Reasons that are about the picture and the sound, while what the papers say is as it was signed.
OF_THE_FILE = re.compile(r"assertion\.(bmffHash|dataHash|boxesHash|collectionHash)\.")


class Verdict(StrEnum):
    UNCHANGED = "unchanged"
    CHANGED = "changed"
    UNSIGNED = "unsigned"
    ELSEWHERE = "signed_elsewhere"
    ELSEWHERE_CHANGED = "signed_elsewhere_changed"
    UNRELIABLE = "unreliable"
    NO_PAPERS = "no_papers"


WORDS = {
    Verdict.UNCHANGED: (
        "Made here, and unchanged since.",
        "This file is as we made it: not a byte of its picture or sound has been touched.",
    ),
    Verdict.CHANGED: (
        "Made here, and changed since.",
        (
            "Its papers are ours, but its picture or sound is no longer what we signed. Somebody has altered it, or it "
            "was damaged on its way."
        ),
    ),
    Verdict.UNSIGNED: (
        "Made here, and unchanged since.",
        "It is byte for byte a file that we made. It could not be signed at the time, so only our own records say so.",
    ),
    Verdict.ELSEWHERE: (
        "Signed by somebody else.",
        "It was not made here. It is as its signer left it; who the signer is we can’t vouch for.",
    ),
    Verdict.ELSEWHERE_CHANGED: (
        "Signed by somebody else, and changed since.",
        "It was not made here, and it is no longer as its signer left it.",
    ),
    Verdict.UNRELIABLE: (
        "Its papers can’t be relied on.",
        "They were altered after they had been signed, or were never whole. Nothing that they say counts.",
    ),
    Verdict.NO_PAPERS: (
        "It has no papers.",
        (
            "That says nothing about where it is from: many programs and sites drop them. It may have been made here "
            "and saved anew elsewhere, or never have had any."
        ),
    ),
}


class TooManyFiles(DomainError):
    def __init__(self) -> None:
        message = "Too many files were looked at for your address."
        super().__init__("rate_limited", message, remedy="Try again in ten minutes.", retry_after=WINDOW)


class NotVerified(DomainError):
    """There is nothing to look at."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a file is. What it says of itself stands here only where that can be relied on."""

    verdict: Verdict
    render: str = ""
    model: str = ""
    model_name: str = ""
    made_at: datetime | None = None
    signer: str = ""
    generator: str = ""

    @property
    def title(self) -> str:
        return WORDS[self.verdict][0]

    @property
    def sentence(self) -> str:
        return WORDS[self.verdict][1]

    @property
    def is_ours(self) -> bool:
        return self.verdict in {Verdict.UNCHANGED, Verdict.CHANGED, Verdict.UNSIGNED}

    @property
    def is_draft(self) -> bool:
        return self.model == "draft"

    @property
    def is_for_development(self) -> bool:
        return "DEVELOPMENT ONLY" in self.signer


def count_try(address: str) -> None:
    """One more file of somebody who is not signed in. Raises TooManyFiles."""
    key = f"verify:{address}"
    cache.add(key, 0, WINDOW)
    if cache.incr(key) > TRIES:
        raise TooManyFiles


def verify_upload(file: File[bytes], beside: File[bytes] | None = None) -> Finding:
    """What a file is that somebody brings; ``beside`` are its papers where it can't hold them. Raises NotVerified."""
    if not file.size:
        raise NotVerified("empty_file", "The file is empty.", field="file", remedy="Choose the video itself.")
    if file.size > MAX_BYTES or (beside and (beside.size or 0) > MAX_BESIDE):
        told = f"The file has more than {MAX_BYTES // 1_000_000} MB."
        raise NotVerified(
            "file_too_large", told, field="file", remedy="Send the link to the video, if it is from here."
        )
    papers = beside.read() if beside else None
    with _copied(file) as path:
        return _finding(path, papers)


def verify_render(render: Render) -> Finding:
    """What the file is that we have of a video, looked at anew. Raises NotVerified where there is none."""
    name = render.video.name if render.video else ""
    if not name or render.state != RenderState.READY or render.files_deleted_at or render.purge_at:
        raise not_here()
    row = Papers.objects.filter(pk=name).first()
    with default_storage.open(name, "rb") as stored, _copied(stored) as path:
        return _finding(path, _read(row.beside.name) if row and row.beside else None)


def render_named(text: str) -> Render:
    """The render whose id stands in what somebody pasted. Raises NotVerified."""
    named = RENDER.search(text)
    render = Render.objects.filter(pk=named[0], whole=None).first() if named else None
    if render is None:
        raise not_here()
    return render


def not_here() -> NotVerified:
    told = "This leads to no video of ours that is there now."
    remedy = "Paste a share link or a video’s id (rnd_…) from here. Of a video from elsewhere send the file itself."
    return NotVerified("no_such_video", told, field="link", remedy=remedy)


def _finding(path: Path, beside: bytes | None) -> Finding:
    known = Papers.objects.select_related("render").filter(sha256=sha256_of(path)).first()
    if known:
        return _of_record(known)
    anchors = dict(SigningCertificate.objects.values_list("serial", "root"))
    try:
        found = judge.manifest(path, "".join(anchors.values()), beside, owner="verify")
    except (OverLimit, Unreadable):
        return Finding(Verdict.UNRELIABLE if _has_some(path) else Verdict.NO_PAPERS)
    return _of_manifest(found, anchors) if found else Finding(Verdict.NO_PAPERS)


def _of_record(papers: Papers) -> Finding:
    offer = registry.find(papers.render.offer)
    model = registry.MODELS.get(offer.model if offer else papers.render.model)
    return Finding(
        Verdict.UNSIGNED if papers.failure else Verdict.UNCHANGED,
        render=papers.render_id,
        model=model.slug if model else "",
        model_name=model.name if model else "",
        made_at=papers.signed_at,
        signer="" if papers.failure else papers.signer,
    )


def _of_manifest(found: Manifest, ours: dict[str, str]) -> Finding:
    if any(not OF_THE_FILE.match(reason) for reason in found.broken):
        return Finding(Verdict.UNRELIABLE)
    if not (found.is_anchored and str(found.serial) in ours):
        verdict = Verdict.ELSEWHERE_CHANGED if found.broken else Verdict.ELSEWHERE
        return Finding(verdict, signer=found.signer, generator=found.generator)
    told = found.assertions.get(CLAIMS) or {}
    return Finding(
        Verdict.CHANGED if found.broken else Verdict.UNCHANGED,
        render=str(told.get("render", "")),
        model=str(told.get("model", "")),
        model_name=str(told.get("model_name", "")),
        made_at=parse_datetime(str(told.get("made_at", ""))),
        signer=found.signer,
        generator=found.generator,
    )


def _has_some(path: Path) -> bool:
    """Whether there seem to be papers in a file that can't be read."""
    with path.open("rb") as file:
        return b"c2pa" in file.read(HEAD)


@contextmanager
def _copied(file: File[bytes]) -> Iterator[Path]:
    with temporary_folder("verify-") as folder:
        path = folder / "file"
        with path.open("wb") as copy:
            for piece in file.chunks():
                copy.write(piece)
        yield path


def _read(name: str | None) -> bytes | None:
    if not name:
        return None
    with default_storage.open(name, "rb") as stored:
        return bytes(stored.read())
