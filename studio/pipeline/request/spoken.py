"""A script in the place of a voice: planned before money moves, spoken once the request is taken."""

from __future__ import annotations

from dataclasses import dataclass

from studio.media.voices import voices
from studio.models import Render, Speech, Upload, UploadKind
from studio.speech.plan import SpeechPlan, SpeechWish, plan_speech
from studio.speech.speak import spoken_before


@dataclass(frozen=True, slots=True)
class Spoken:
    """A script as it was planned, and the speech of it where there is one: kept, or on its way."""

    wish: SpeechWish
    plan: SpeechPlan
    speech: Speech | None

    @property
    def ready(self) -> bool:
        return self.speech is not None and self.speech.upload is not None

    @property
    def ceiling_micros(self) -> int:
        return 0 if self.speech else self.plan.ceiling_micros


def heard_in(render: Render) -> Upload:
    """Its voice, or a stand-in of the words that are being spoken for it."""
    script = render.speech.script if render.speech else ""
    return render.voice or Upload(
        workspace=render.workspace, kind=UploadKind.VOICE, script=script, duration_ms=render.ceiling_ms
    )


def spoken_of(wish: SpeechWish) -> tuple[Spoken, Upload]:
    """The script and its voice; until it is spoken a stand-in that is in no table. Raises RequestRefused."""
    plan = plan_speech(wish)
    spoken = Spoken(wish, plan, spoken_before(wish.workspace, plan))
    if spoken.speech and spoken.speech.upload:
        return spoken, spoken.speech.upload
    return spoken, stand_in(wish, plan)


def stand_in(wish: SpeechWish, plan: SpeechPlan) -> Upload:
    """A voice as long as the script's may become, to be priced and held by. It is never stored."""
    return Upload(
        workspace=wish.workspace,
        kind=UploadKind.VOICE,
        name="voice",
        script=wish.script,
        sentences=[[0, 0, one.line.sentence] for part in plan.parts for one in part if one.said],
        duration_ms=min(max(plan.estimate.most_ms, voices.MIN_MS), voices.MAX_MS),
    )
