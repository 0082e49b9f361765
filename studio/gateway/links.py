"""Links to result files that stay the same for as long as the file is there, and need no session."""

from __future__ import annotations

from hashlib import sha256
from pathlib import PurePosixPath
from urllib.parse import quote
from uuid import UUID

from django.conf import settings
from django.core.signing import BadSignature, Signer

from studio.gateway.models import GatewayFile
from studio.models import Render

SALT = "studio.gateway.video"


def video_link(render: Render) -> str:
    """Empty once the file has been deleted, and while it is withheld."""
    if not render.given_out:
        return ""
    ending = PurePosixPath(render.video.name or "").suffix
    return f"{settings.SITE_URL}/compat/videos/{_signature(render.pk)}/{render.pk}{ending}"


def signed_render(signature: str, render_id: str) -> Render | None:
    """The render that a link leads to, if we made the link and its file is there."""
    try:
        Signer(salt=SALT).unsign(f"{render_id}:{signature}")
    except BadSignature:
        return None
    given_out = Render.objects.exclude(video=None).exclude(video="").filter(withheld_at=None)
    return given_out.filter(pk=render_id, purge_at=None).first()


def file_link(file: GatewayFile) -> str:
    return f"{settings.SITE_URL}/compat/fal/cdn/files/b/{file.pk}/{quote(file.name)}"


def video_uuid(render: Render) -> str:
    """A UUID v4 by its form, the same for the same render."""
    return str(UUID(bytes=sha256(render.pk.encode()).digest()[:16], version=4))


def _signature(render_id: str) -> str:
    return Signer(salt=SALT).signature(render_id)
