"""The door by which an output file gets its papers: signed at the last step, whatever was done to it before.

``give_papers`` signs a file that is about to be stored, ``store_beside`` stores what can't be in it, and ``keep``
belongs into the transaction that names the file, as ``ledger.keep`` does.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.core.files.base import ContentFile
from django.utils import timezone

from avatarsite.alerts import raise_alert
from studio.media import judge
from studio.media.manifests import NotSigned, Order
from studio.media.video.transcode import container_of
from studio.media.video.videos import sha256_of
from studio.models import FileKind, Papers, Render, SigningCertificate, Speech
from studio.papers.credentials import Credentials, credentials
from studio.providers import registry
from studio.storage import ledger

logger = logging.getLogger(__name__)

GENERATOR = "Avatar Studio"
CLAIMS = "studio.avatar.render"  # what we say beside what C2PA has words for
SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/"
HOLDS_NONE = frozenset({"webm"})  # formats for which C2PA's library knows no place


@dataclass(frozen=True, slots=True)
class Papered:
    """A file ready to be stored, and the manifest that belongs beside it where it holds none."""

    render: Render
    path: Path
    sha256: str
    signer: str = ""
    is_changed: bool = False
    beside: bytes = b""
    failure: str = ""

    def name(self, base: str, ending: str) -> str:
        """A storage name that only these bytes have: no two signatures are the same, and a repeat writes its own."""
        return f"{base}-{self.sha256[:16]}.{ending}" if self.is_changed else f"{base}.{ending}"

    def store_beside(self, name: str) -> None:
        """Store the manifest that belongs beside the output of that name. Raises OSError."""
        if self.beside:
            ledger.store(self.render.workspace, beside(name), ContentFile(self.beside), FileKind.PAPERS)

    def keep(self, name: str) -> None:
        """In the transaction that names the output."""
        stored = beside(name) if self.beside else ""
        told = {"render": self.render, "sha256": self.sha256, "signer": self.signer, "beside": stored}
        row = Papers(file=name, **told, failure=self.failure)
        changed = [*told, "failure", "signed_at"]
        Papers.objects.bulk_create([row], update_conflicts=True, unique_fields=["file"], update_fields=changed)
        if stored:
            ledger.keep(stored)


def give_papers(render: Render, path: Path, *, steps: Sequence[str] = (), parent: Path | None = None) -> Papered:
    """Sign a finished file; ``steps`` are sentences of what was done to it here, ``parent`` is what it was made from.

    A video is never lost for its papers: what can't be signed is stored as it is, and the operator is told.
    """
    if not leaves_the_house(render):
        return Papered(render, path, sha256_of(path))
    own = credentials()
    _know(own)
    form = container_of(path) or path.suffix.removeprefix(".")
    target = path.with_name(f"signed.{form}")
    failure = ""
    for held in [False] if form in HOLDS_NONE else [True, False]:
        order = Order(form, held, *_claims(render, steps), own.algorithm, own.sent)
        try:
            manifest = judge.sign(path, target, order, parent, owner=render.workspace_id, ask=own.sign)
        except NotSigned as error:
            failure = str(error)
            logger.warning("%s: %s", render.pk, failure)
            continue
        signed = target if held else path
        return Papered(render, signed, sha256_of(signed), own.name, is_changed=held, beside=b"" if held else manifest)
    raise_alert("not_signed", render.pk, f"A file of {render.pk} has no papers. {failure}", render=render.pk)
    return Papered(render, path, sha256_of(path), failure=failure[:300])


def leaves_the_house(render: Render) -> bool:
    """Whether its file is for people. A part of a long video is not: its whole is, and gets the papers."""
    return render.whole_id is None


def beside(name: str) -> str:
    """The storage name of the manifest that belongs beside an output."""
    return f"{name}.c2pa"


def stored_with(names: Iterable[str | None]) -> list[str]:
    """The names of the files that stand beside these outputs."""
    named = Papers.objects.filter(pk__in=[name for name in names if name])
    return list(named.exclude(beside="").values_list("beside", flat=True))


def let_go(names: Iterable[str | None]) -> list[str]:
    """Forget the papers of these outputs. The names of the files that go with them."""
    named = [name for name in names if name]
    files = stored_with(named)
    Papers.objects.filter(pk__in=named).delete()
    return files


def _claims(render: Render, steps: Sequence[str]) -> tuple[dict[str, str], list[dict[str, Any]], list[dict[str, Any]]]:
    offer, now = registry.offer(render.offer), timezone.now().isoformat(timespec="seconds")
    model = registry.MODELS[offer.model]
    created = {
        "action": "c2pa.created",
        "when": now,
        "digitalSourceType": SOURCE_TYPE + _source_type(render, offer.provider),
        "softwareAgent": {"name": model.name},
    }
    edited = [{"action": "c2pa.edited", "when": now, "description": step} for step in steps]
    told = {"render": render.pk, "model": model.slug, "model_name": model.name, "made_at": now}
    return {"name": GENERATOR}, [{"label": CLAIMS, "data": told}], [created, *edited]


def _source_type(render: Render, provider: str) -> str:
    """A trained model's pictures with somebody's recorded voice, or with one that is made as well."""
    if provider == "local":
        return "compositeSynthetic"  # the portrait, moved by rules that were not trained
    spoken = render.voice and Speech.objects.filter(upload=render.voice).exists()
    return "trainedAlgorithmicMedia" if spoken else "compositeWithTrainedAlgorithmicMedia"


def _know(own: Credentials) -> None:
    told = {"subject": own.certificate.subject.rfc4514_string()[:300], "root": own.root}
    SigningCertificate.objects.get_or_create(serial=str(own.certificate.serial_number), defaults=told)
