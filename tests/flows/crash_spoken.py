"""``python -m tests.flows.crash_spoken POINT…``: as ``tests.flows.crash_long``, of a script that becomes the voice."""

from __future__ import annotations

import json
import sys
from typing import Any

from tests.flows.crash import BALANCE, die_at, in_a_fork  # first: it sets Django up

from django.utils import timezone  # isort: skip

from studio.models import Listening, Render, Speech, SpeechPart, Upload, UploadKind
from studio.pipeline.drive import drive
from studio.pipeline.request import take
from studio.pipeline.request.render_request import RenderRequest
from studio.pipeline.request.spoken import spoken_of
from studio.speech.plan import SpeechWish
from tests.flows import crash_long
from tests.flows.cast import Studio, make_studio
from tests.flows.crash import slug_of

SCRIPT = "This is said by this server. [pause 0.6s] It takes longer than is made at once. [pause 0.6s] It ends here."


def studio_of(point: str) -> Studio:
    return make_studio(balance_micros=BALANCE, price_micros=10_000, slug=slug_of(point))


def ask(studio: Studio, *, key: str) -> Render:
    spoken, voice = spoken_of(SpeechWish(studio.workspace, SCRIPT))
    request = RenderRequest(studio.workspace, studio.project, studio.portrait, voice, spoken=spoken)
    return take.take(request, user=None, idempotency_key=key)[0]


def crash(point: str) -> None:
    studio = studio_of(point)
    if not point.startswith("studio.pipeline.request"):
        render = ask(studio, key=point)
        die_at(point)
        drive(render.pk)
        return
    die_at(point)
    ask(studio, key=point)


def restart(point: str) -> dict[str, Any]:
    studio, now = studio_of(point), timezone.now()
    render = Render.objects.for_workspace(studio.workspace).first() or ask(studio, key=point)
    for rows in (Speech, Listening):
        rows.objects.filter(next_try_at__isnull=False).update(next_try_at=now)
    end = crash_long.restart(point)
    voices = Upload.objects.filter(workspace=studio.workspace, kind=UploadKind.VOICE, cut_from=None).exclude(script="")
    return end | {
        "same": ask(studio, key=point) == render,
        "speeches": Speech.objects.filter(workspace=studio.workspace).count(),
        "said": SpeechPart.objects.filter(speech__workspace=studio.workspace, attempt=1).count(),
        "voices": voices.count(),
    }


def main(points: list[str]) -> dict[str, Any]:
    ends = {}
    for point in points:
        died, _ = in_a_fork(crash, point)
        code, told = in_a_fork(restart, point)
        ends[point] = {"died": died, "end": json.loads(told) if code == 0 else None}
    return ends


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1:])))
