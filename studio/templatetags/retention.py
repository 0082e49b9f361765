"""Template tags of retention: when a video or an upload is deleted by itself."""

from __future__ import annotations

from datetime import datetime

from django import template

from avatarsite.workspaces.models import Workspace
from studio.models import Render, Retention, Upload
from studio.videos.retention import end_of_upload, end_of_video, retention_of

register = template.Library()


@register.simple_tag
def kept_for(workspace: Workspace) -> Retention | None:
    """How long it keeps videos and uploads; None is until somebody deletes them."""
    return retention_of(workspace)


@register.simple_tag
def video_ends(render: Render, workspace: Workspace) -> datetime | None:
    return end_of_video(render, retention_of(workspace))


@register.simple_tag
def upload_ends(upload: Upload, workspace: Workspace) -> datetime | None:
    return end_of_upload(upload, retention_of(workspace))
