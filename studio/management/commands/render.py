from __future__ import annotations

import shutil
from argparse import ArgumentParser
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.core.files import File
from django.core.files.storage import default_storage
from django.core.management.base import BaseCommand, CommandError
from rich.console import Console

from avatarsite.errors import DomainError
from avatarsite.workspaces.models import Workspace
from billing.money import usd, usd_at_most
from studio.models import Render, RenderState, UploadKind
from studio.pipeline.drive import drive
from studio.pipeline.long.sound import hear
from studio.pipeline.request.options import CONTENT_CHECKS, OUTPUT_FORMATS
from studio.pipeline.request.quote import CHEAPEST, FASTEST
from studio.pipeline.request.render_request import RenderRequest
from studio.pipeline.request.spoken import spoken_of
from studio.pipeline.request.take import take
from studio.projects import project_for_new_video
from studio.providers import registry
from studio.speech.plan import SpeechWish
from studio.storage.local import place_of
from studio.terminal import StageBars
from studio.uploads.add import add_upload

DRAFT = "local:draft"
OPTIONS = ("output_format", "output_quality", "content_check")


class Command(BaseCommand):
    help = "Makes one video from a portrait and a voice or a script, waits for it and writes it to a file."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("portrait", type=Path, metavar="PORTRAIT")
        sound = parser.add_mutually_exclusive_group(required=True)
        sound.add_argument("voice", type=Path, nargs="?", metavar="VOICE")
        sound.add_argument("--script", type=Path, metavar="FILE", help="a text that is spoken first, instead of VOICE")
        parser.add_argument("--speaker", default="", help="with --script: whom the script is spoken by")
        parser.add_argument("--pace", default=1.0, type=float, help="with --script: 0.5 to 2")
        parser.add_argument("--workspace", required=True, metavar="SLUG", help="who pays and owns the video")
        what = parser.add_mutually_exclusive_group()
        offers = [offer.id for offer in registry.for_sale()]
        what.add_argument("--offer", choices=offers, metavar="OFFER", help=_listed(offers))
        what.add_argument("--model", choices=list(registry.MODELS), metavar="MODEL", help=_listed(registry.MODELS))
        parser.add_argument(
            "--routing", default=CHEAPEST, help=f"with --model: {CHEAPEST} (usual), {FASTEST} or a provider's name"
        )
        parser.add_argument(
            "--stay", action="store_true", help="with --model: fail rather than move on to another provider"
        )
        parser.add_argument("--prompt", default="", help="how the person should act, at most 2,500 characters")
        parser.add_argument("--format", default="mp4", choices=OUTPUT_FORMATS, dest="output_format")
        parser.add_argument("--quality", default=95, type=int, dest="output_quality", help="20 to 99")
        parser.add_argument("--content-check", default="none", choices=CONTENT_CHECKS)
        parser.add_argument("--title", default="")
        parser.add_argument("--output", type=Path, metavar="FILE", help="where to write the video")

    def handle(self, *_args: Any, **options: Any) -> None:
        if options["output"]:
            _check_output(options["output"])
        if not options["model"] and (options["routing"] != CHEAPEST or options["stay"]):
            raise CommandError("--routing and --stay go with --model: an offer is one provider's, and stays there.")
        render = self._request(options)
        try:
            with StageBars(Console()) as bars:
                render = drive(render.pk, on_look=bars)
        except KeyboardInterrupt:
            goes_on = "A worker goes on with it, now or when one is started; until then its money stays on hold."
            raise CommandError(f"You no longer wait for {render.pk}, and it is not cancelled. {goes_on}") from None
        if render.state != RenderState.READY:
            charged = "" if render.is_whole else " Nothing was charged."
            raise CommandError(f"{render.failure_message or 'The video was cancelled.'}{charged}")
        if options["output"]:
            _write(render, options["output"])
        seconds = (render.measured_ms or 0) / 1000
        where = options["output"] or place_of(render.video.name or "")
        by, charge = registry.provider_label(render.offer), usd(render.charge_micros or 0)
        self.stdout.write(
            f"{where}  {seconds:.3f} s  by {by}  charged {charge} of at most {usd_at_most(render.ceiling_micros)}"
        )

    def _request(self, options: dict[str, Any]) -> Render:
        workspace = Workspace.objects.filter(slug=options["workspace"]).first()
        if workspace is None:
            raise CommandError(f"There is no workspace {options['workspace']!r}.")
        offer = options["offer"] or (None if options["model"] else DRAFT)
        try:
            request = RenderRequest(
                workspace=workspace,
                project=project_for_new_video(workspace),
                portrait=_upload(workspace, UploadKind.PORTRAIT, options["portrait"]),
                **_sound(workspace, options),
                model=options["model"] or registry.offer(offer or DRAFT).model,
                offer=offer,
                routing=options["routing"],
                fallback=not options["stay"] and offer is None,
                prompt=options["prompt"],
                title=options["title"],
                options={name: options[name] for name in OPTIONS},
            )
            if not request.spoken:
                hear(request.voice, request.model)
            return take(request, user=None)[0]
        except DomainError as refusal:
            raise CommandError(f"{refusal.field}: {refusal}" if refusal.field else str(refusal)) from refusal


def _listed(names: Iterable[str]) -> str:
    return f"one of {', '.join(names)}"


def _check_output(path: Path) -> None:
    """Before anything is paid for."""
    if path.is_dir() or not path.parent.is_dir():
        why = "is a folder" if path.is_dir() else "would be in a folder that does not exist"
        raise CommandError(f"output: {path} {why}. Name a file in a folder that exists. Nothing was asked for.")


def _upload(workspace: Workspace, kind: UploadKind, path: Path) -> Any:
    try:
        with path.open("rb") as file:
            return add_upload(workspace, kind=kind, file=File(file), name=path.name)
    except OSError as error:
        raise CommandError(f"{kind}: {path} can't be read: {error.strerror}.") from error


def _sound(workspace: Workspace, options: dict[str, Any]) -> dict[str, Any]:
    """The voice, or the script that becomes one."""
    if options["voice"]:
        return {"voice": _upload(workspace, UploadKind.VOICE, options["voice"])}
    try:
        script = options["script"].read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"script: {options['script']} can't be read as a text: {error}.") from error
    spoken, voice = spoken_of(SpeechWish(workspace, script, options["speaker"], options["pace"]))
    return {"voice": voice, "spoken": spoken}


def _write(render: Render, path: Path) -> None:
    try:
        with default_storage.open(render.video.name or "", "rb") as source, path.open("wb") as target:
            shutil.copyfileobj(source, target, 1 << 20)
    except OSError as error:
        kept = f"The video itself is safe: {render.pk} in the workspace."
        raise CommandError(f"output: {path} can't be written: {error.strerror}. {kept}") from error
