"""fal's Kling TTS: a tone for each sentence, as long as its characters would take, and a pause between two."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from tests.simulators import fal_words as words
from tests.simulators.jobs import Job
from tests.simulators.media import encode_audio, tone

MODEL = words.TTS
MAX_CHARACTERS = 500
VOICES = (
    *("genshin_vindi2", "zhinen_xuesheng", "AOT", "ai_shatang", "genshin_klee2", "genshin_kirara", "ai_kaiya"),
    *("oversea_male1", "ai_chenjiahao_712", "girlfriend_4_speech02", "chat1_female_new-3", "chat_0407_5-1"),
    *("cartoon-boy-07", "uk_boy1", "cartoon-girl-01", "PeppaPig_platform", "ai_huangzhong_712", "ai_huangyaoshi_712"),
    *("ai_laoguowang_712", "chengshu_jiejie", "you_pingjing", "calm_story1", "uk_man2", "laopopo_speech02"),
    *("reader_en_m-v1", "commercial_lady_en_f-v1", "uk_oldman3"),
)
RATE = 24_000
CHARACTER_MS, PAUSE_MS, EDGE_MS = 65, 300, 100
SENTENCE = re.compile(r"(?<=[.!?])\s+")


def is_speech(job: Job) -> bool:
    return job.model == MODEL


def wrong_arguments(arguments: dict[str, Any]) -> dict[str, Any] | None:
    """The model's own 422."""
    text, speed = arguments.get("text"), arguments.get("voice_speed", 1)
    if text is None:
        return words.model_failure("missing", field="text", given=arguments)
    if not isinstance(text, str) or not text.strip():
        return words.model_failure("string_type", field="text", given=text)
    if len(text) > MAX_CHARACTERS:
        return words.model_failure("string_too_long", field="text", message="String should have at most 500 characters")
    if arguments.get("voice_id", VOICES[0]) not in VOICES:
        return words.model_failure("literal_error", field="voice_id", given=arguments["voice_id"])
    if not isinstance(speed, int | float) or not 0.8 <= speed <= 2:
        return words.model_failure("greater_than_equal", field="voice_speed", given=speed)
    return None


def spans_of(arguments: dict[str, Any]) -> list[tuple[int, int]]:
    """When each sentence is heard, in milliseconds."""
    found, at = [], EDGE_MS
    for sentence in SENTENCE.split(arguments["text"].strip()):
        length = round(max(len(sentence), 2) * CHARACTER_MS / arguments.get("voice_speed", 1))
        found.append((at, at + length))
        at += length + PAUSE_MS
    return found


def spoken(job: Job, folder: Path) -> Path:
    """The file, made when it is asked for first."""
    path = folder / f"speech-{job.id}.mp3"
    if not path.exists():
        spans = spans_of(job.request)
        samples = np.zeros((spans[-1][1] + EDGE_MS) * RATE // 1000, np.int16)
        for start, end in spans:
            first, last = start * RATE // 1000, end * RATE // 1000
            samples[first:last] = tone(last - first, RATE)
        path.write_bytes(encode_audio(samples, "mp3", "libmp3lame", RATE).getvalue())
    return path
