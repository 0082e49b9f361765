"""A request's body as the wish that the pipeline takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from avatarsite.workspaces.models import ApiToken
from studio.models import Project, Upload
from studio.pipeline.request.render_request import Wish

NAMED = ("model", "routing", "fallback", "prompt", "title", "reference", "metadata", "max_amount_micros", "notify")


def wish_of(token: ApiToken, asked: Mapping[str, Any], *, project: Project, portrait: Upload, voice: Upload) -> Wish:
    options = dict(asked.get("options", {}))
    if "takes" in asked:
        options["takes"] = asked["takes"]
    return Wish(
        workspace=token.workspace,
        project=project,
        portrait=portrait,
        voice=voice,
        options=options,
        token=token,
        **{name: asked[name] for name in NAMED if name in asked},
    )
