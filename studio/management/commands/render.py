from __future__ import annotations

import shutil
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.files import File
from django.core.files.storage import default_storage
from django.core.management.base import BaseCommand, CommandError
from rich.console import Console

from avatarsite.workspaces.models import Workspace
from billing.holds import InsufficientCredit, WalletFrozen
from billing.money import usd
from studio.models import Render, RenderState, UploadKind
from studio.pipeline.drive import drive
from studio.pipeline.request import RequestRefused, request_render
from studio.projects import project_for_new_video
from studio.providers import registry
from studio.terminal import StageBars
from studio.uploads import UploadRefused, add_upload


class Command(BaseCommand):
    help = "Makes one video from a portrait and a voice, waits for it and writes it to a file."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("portrait", type=Path, metavar="PORTRAIT")
        parser.add_argument("voice", type=Path, metavar="VOICE")
        parser.add_argument("--workspace", required=True, metavar="SLUG", help="who pays and owns the video")
        parser.add_argument("--offer", default="local:draft", help=f"one of {', '.join(registry.OFFERS)}")
        parser.add_argument("--prompt", default="", help="how the person should act, at most 2,500 characters")
        parser.add_argument("--format", default="mp4", choices=["mp4", "webm", "mov"], dest="output_format")
        parser.add_argument("--quality", default=95, type=int, dest="output_quality", help="20 to 99")
        parser.add_argument("--title", default="")
        parser.add_argument("--output", type=Path, metavar="FILE", help="where to write the video")

    def handle(self, *_args: Any, **options: Any) -> None:
        render = self._request(options)
        with StageBars(Console()) as bars:
            render = drive(render.pk, on_look=bars)
        if render.state != RenderState.READY:
            raise CommandError(f"{render.failure_message or 'The video was cancelled.'} Nothing was charged.")
        if options["output"]:
            _write(render, options["output"])
        seconds = (render.measured_ms or 0) / 1000
        where = options["output"] or default_storage.path(render.video.name or "")
        self.stdout.write(f"{where}  {seconds:.3f} s  charged {usd(render.charge_micros or 0)}")

    def _request(self, options: dict[str, Any]) -> Render:
        workspace = Workspace.objects.filter(slug=options["workspace"]).first()
        if workspace is None:
            raise CommandError(f"There is no workspace {options['workspace']!r}.")
        try:
            return request_render(
                workspace=workspace,
                project=project_for_new_video(workspace),
                user=None,
                portrait=_upload(workspace, UploadKind.PORTRAIT, options["portrait"]),
                voice=_upload(workspace, UploadKind.VOICE, options["voice"]),
                model=registry.offer(options["offer"]).model,
                offer=options["offer"],
                prompt=options["prompt"],
                title=options["title"],
                options={name: options[name] for name in ("output_format", "output_quality")},
            )
        except (UploadRefused, RequestRefused) as refusal:
            raise CommandError(f"{refusal.field}: {refusal.message} {refusal.remedy}") from refusal
        except InsufficientCredit as error:
            missing = usd(error.missing_micros)
            raise CommandError(f"The workspace has {missing} too little credit. Grant or buy some first.") from error
        except (WalletFrozen, registry.UnknownOffer) as error:
            raise CommandError(str(error)) from error


def _upload(workspace: Workspace, kind: UploadKind, path: Path) -> Any:
    try:
        with path.open("rb") as file:
            return add_upload(workspace, kind=kind, file=File(file), name=path.name)
    except OSError as error:
        raise CommandError(f"{kind}: {path} can't be read: {error.strerror}.") from error


def _write(render: Render, path: Path) -> None:
    try:
        with default_storage.open(render.video.name or "", "rb") as source, path.open("wb") as target:
            shutil.copyfileobj(source, target, 1 << 20)
    except OSError as error:
        kept = f"The video itself is safe: {render.pk} in the workspace."
        raise CommandError(f"output: {path} can't be written: {error.strerror}. {kept}") from error
