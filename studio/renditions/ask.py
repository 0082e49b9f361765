"""Wishes for renditions, each in one transaction; what has to be made then is a task's."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from avatarsite.queue import jobs
from studio.errors import RequestRefused
from studio.models import Render, RenderState, Rendition, RenditionFormat
from studio.papers import give as papers
from studio.storage import ledger

TASK = "studio.rendition"


def ask_for(render: Render, form: RenditionFormat) -> Rendition:
    """One that is there or being made is given as it is; one that failed is tried anew.

    Raises RequestRefused, and StorageFull where it would find no room.
    """
    with transaction.atomic():
        video = Render.objects.select_for_update(of=("self",)).select_related("workspace").get(pk=render.pk)
        _check(video, form)
        found = Rendition.objects.filter(render=video, format=form).first()
        if found and not found.failure:
            return found
        if form != RenditionFormat.GIF:
            ledger.check_room(video.workspace, video.video_bytes or 0, field="format")
        fresh = {"failure": "", "tries": 0, "next_try_at": timezone.now()}
        made, _ = Rendition.objects.update_or_create(render=video, format=form, defaults=fresh)
        jobs.enqueue(TASK, rendition_id=made.pk)
    return made


def remove(rendition: Rendition) -> None:
    """Delete it and its file; of what is being made, nothing is kept. Twice is once."""
    with transaction.atomic():
        found = Rendition.objects.select_for_update(of=("self",)).filter(pk=rendition.pk).first()
        if found:
            files = [found.file.name] if found.file and found.file.name else []
            found.delete()
            ledger.let_go(*files, *papers.let_go(files))


def own_format(render: Render) -> str:
    """In which the video itself is."""
    return str(render.options.get("output_format", "mp4"))


def _check(video: Render, form: RenditionFormat) -> None:
    if (
        video.state != RenderState.READY
        or not video.video
        or video.files_deleted_at
        or video.purge_at
        or video.withheld_at
    ):
        told = "There is no file to make it of. Other formats come once the video is ready, while its files are there."
        raise RequestRefused("render", "rendition_without_video", told)
    if form == own_format(video):
        told = f"The video itself is an {form.label}."
        raise RequestRefused("format", "rendition_is_video", told, "Take the output `video`.")
