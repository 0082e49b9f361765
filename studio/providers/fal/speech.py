"""Kling TTS at fal: a part of a script becomes a sound, by the queue that videos take."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from django.conf import settings

from studio.providers import http
from studio.providers.fal import request_log
from studio.providers.fal.adapter import FalProvider
from studio.providers.fal.codes import why
from studio.providers.fal.links import given_links
from studio.providers.http.answers import text_at
from studio.providers.remote import accepted, failure, rejected_submission
from studio.providers.speech import Engine, Rate, Speaker, SpeechOrder
from studio.providers.types import Fault, JobHandle, JobReport, Outcome, Submission

# Their clock and ours.
CLOCKS_DIFFER = timedelta(seconds=60)
# Nobody has measured them; their own page promises no length.
RATE = Rate(character_ms=66, sentence_ms=200, spread=0.5)
# The English ones, by the names that Kling gives them.
VOICES: Mapping[str, str] = {
    "reader_en_m-v1": "The Reader",
    "commercial_lady_en_f-v1": "Commercial Lady",
    "oversea_male1": "Anchor",
    "uk_boy1": "Bud",
    "uk_man2": "British man",
    "uk_oldman3": "Older British man",
    "genshin_vindi2": "Sunny",
    "zhinen_xuesheng": "Sage",
    "AOT": "Ace",
    "ai_shatang": "Blossom",
    "genshin_klee2": "Peppy",
    "genshin_kirara": "Dove",
    "ai_kaiya": "Shine",
    "ai_chenjiahao_712": "Lyric",
    "girlfriend_4_speech02": "Melody",
    "chat1_female_new-3": "Tender",
    "chat_0407_5-1": "Siren",
    "cartoon-boy-07": "Zippy",
    "cartoon-girl-01": "Sprite",
    "ai_huangzhong_712": "Beacon",
    "ai_huangyaoshi_712": "Rock",
    "ai_laoguowang_712": "Titan",
    "chengshu_jiejie": "Grace",
    "you_pingjing": "Helen",
}


class _Queue(FalProvider):
    """fal's queue, asked for speech; there are no inputs to bring there."""

    async def prepare(self, order: Any) -> Any:
        return order

    async def _create(self, order: Any) -> Submission:
        answer = await http.ask(
            "POST", f"{settings.FAL_QUEUE_URL}/{order.model}", headers=self._headers, json=_input_of(order)
        )
        if not answer.ok:
            return rejected_submission(answer, why(answer))
        request_id = text_at(answer.body, "request_id")
        if not request_id:
            no_id = failure(Fault.UNKNOWN, "no_request_id", "It took the request and gave no id.")
            return Submission(Outcome.UNKNOWN, failure=no_id, raw=answer.raw)
        return accepted(request_id, answer.raw, **given_links(answer.body))

    async def _recover(self, order: Any) -> Submission:
        """Nothing of ours can stand in a text that is spoken, so a request for the very same is as good as ours."""
        since = (order.sent_at or datetime.now(UTC)) - CLOCKS_DIFFER
        found = await request_log.find_by_input(order.model, _input_of(order), since, headers=self._headers)
        if found is None:
            not_yet = failure(Fault.NOT_FOUND, "not_listed", "fal does not list a request of ours like this one yet.")
            return Submission(Outcome.UNKNOWN, failure=not_yet)
        return accepted(text_at(found, "request_id"), None)


class FalSpeech(Engine):
    name = "fal"
    label = "fal"
    model = "fal-ai/kling-video/v1/tts"
    max_characters = 500
    paces = (0.8, 2.0)
    check_seconds = 1.0

    def __init__(self) -> None:
        self._queue = _Queue()

    def why_unavailable(self) -> str:
        return self._queue.why_unavailable()

    def speakers(self) -> Mapping[str, Speaker]:
        return {voice: Speaker(self.name, voice, name, "en", RATE) for voice, name in VOICES.items()}

    async def submit(self, order: SpeechOrder) -> Submission:
        return await self._queue.submit(cast("Any", order))

    async def recover(self, order: SpeechOrder) -> Submission:
        return await self._queue.recover(cast("Any", order))

    async def check(self, job: JobHandle) -> JobReport:
        return await self._queue.check(job)

    def stream(self, report_url: str) -> AbstractContextManager[Iterator[bytes]]:
        return self._queue.stream(report_url)


def _input_of(order: SpeechOrder) -> dict[str, Any]:
    return {"text": order.text, "voice_id": order.voice, "voice_speed": order.pace}
