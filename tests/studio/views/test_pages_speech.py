"""Words typed for the voice slot: estimated while they are typed, spoken into the slot, and kept to be changed."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from django.urls import reverse

from avatarsite.workspaces.models import Workspace
from studio.models import Speech, SpeechState, Upload
from studio.speech.plan import SpeechWish
from studio.speech.speak import speak
from tests.conftest import Cast
from tests.studio import shop

SCRIPT = "Welcome aboard. This is spoken."
BY_SCRIPT = {"HX-Request": "true"}


@pytest.fixture
def house(cast: Cast) -> Workspace:
    return shop.open_shop(cast.workspace)


@pytest.fixture
def owner(cast: Cast) -> Client:
    return cast.browser(cast.alice)


def url(name: str, house: Workspace, **more: str) -> str:
    return reverse(name, kwargs={"workspace": house.slug, **more})


def text(answer: Any) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def spoken(house: Workspace, script: str = SCRIPT) -> Speech:
    """As if it had been spoken."""
    speech = speak(SpeechWish(house, script))
    voice = shop.voice_of(house, "Welcome aboard.flac")
    Upload.objects.filter(pk=voice.pk).update(script=script, sentences=[[0, 900, script]])
    Speech.objects.filter(pk=speech.pk).update(state=SpeechState.READY, upload=voice, next_try_at=None)
    return Speech.objects.get(pk=speech.pk)


def test_seconds_and_prices_are_told_as_it_is_typed(owner: Client, house: Workspace) -> None:
    def told(script: str, **also: str) -> str:
        return text(owner.post(url("speech_estimate", house), {"script": script, "model": "draft", **also}))

    assert told("") == "Type, and the seconds and the price are estimated here."
    assert re.fullmatch(
        r"About [\d.]+ s of speech, spoken free of charge *\. The video then costs at most \$0\.\d+ ; its price "
        r"stands beside it once the voice is there\.",
        told(SCRIPT),
    )
    slow, fast = (float(re.findall(r"About ([\d.]+) s", told(SCRIPT * 9, pace=pace))[0]) for pace in ("0.8", "1.2"))
    assert slow > fast
    assert told("A [pause 99s] b.").startswith("[pause 99s] is no pause")
    assert told("x" * 60_001).startswith("The script has 60,001 characters; the limit is 60,000.")
    assert Speech.objects.count() == 0


def test_it_is_spoken_into_the_slot(owner: Client, house: Workspace) -> None:
    asked = owner.post(url("speech_add", house), {"script": SCRIPT, "pace": "1.1"}, headers=BY_SCRIPT)
    speech = Speech.objects.get()
    assert (speech.script, speech.pace, "Being spoken" in text(asked)) == (SCRIPT, 1.1, True)
    status = url("speech_status", house, speech=speech.pk)
    assert f'hx-get="{status}"' in asked.content.decode()
    assert "HX-Retarget" not in owner.get(status, headers=BY_SCRIPT).headers
    again = owner.post(url("speech_add", house), {"script": SCRIPT, "pace": "1.1"}, headers=BY_SCRIPT)
    assert (Speech.objects.count(), status in again.content.decode()) == (1, True)
    voice = shop.voice_of(house)
    Speech.objects.update(state=SpeechState.READY, upload=voice)
    ready = owner.get(status, headers=BY_SCRIPT)
    page = ready.content.decode()
    assert (ready["HX-Retarget"], ready["HX-Reswap"]) == ("#slot-voice", "outerHTML")
    assert f'name="voice" value="{voice.pk}"' in page
    assert 'hx-swap-oob="true"' in page
    assert "hx-trigger" not in page.split('id="speech-status"')[1]


def test_a_failure_and_a_refusal_are_told_in_words(owner: Client, house: Workspace) -> None:
    refused = owner.post(url("speech_add", house), {"script": "[pause 1s]"}, headers=BY_SCRIPT)
    assert text(refused) == "The script has no words. Write what is to be said."
    speech = speak(SpeechWish(house, SCRIPT))
    Speech.objects.update(state=SpeechState.FAILED, failure_message="It would not. Nothing was charged.")
    told = owner.get(url("speech_status", house, speech=speech.pk), headers=BY_SCRIPT)
    assert text(told) == "It would not. Nothing was charged."
    assert "hx-get" not in told.content.decode()


def test_without_a_script_the_draft_comes_back_with_the_voice(owner: Client, house: Workspace) -> None:
    portrait = shop.portrait_of(house)
    typed = {"script": SCRIPT, "portrait": portrait.pk, "prompt": "calm"}
    answer = owner.post(url("speech_add", house), typed)
    said = parse_qs(urlsplit(answer["Location"]).query)
    speech = Speech.objects.get()
    assert (said["portrait"], said["script"], said["prompt"], said["speech"]) == (
        [portrait.pk],
        [SCRIPT],
        ["calm"],
        [speech.pk],
    )
    waits = owner.get(answer["Location"])
    assert (waits.context["voice_slot"].upload, "Being spoken" in text(waits)) == (None, True)
    done = spoken(house)
    page = owner.get(answer["Location"])
    assert page.context["voice_slot"].upload == done.upload
    assert page.context["form"]["script"].value() == SCRIPT
    refused = owner.post(url("speech_add", house), typed | {"script": " "}, follow=True)
    assert "The script has no words." in text(refused)


def test_the_words_of_a_voice_can_be_changed(owner: Client, house: Workspace) -> None:
    done = spoken(house)
    assert done.upload
    page = owner.get(url("video_new", house), {"voice": done.upload.pk})
    assert page.context["form"]["script"].value() == SCRIPT
    assert page.context["speech_open"] is False
    assert f"<template data-words>{SCRIPT}</template>" in page.content.decode()
    assert "Edit the words" in text(page)


def test_a_long_script_is_left_to_the_browser(owner: Client, house: Workspace) -> None:
    answer = owner.post(url("speech_add", house), {"script": "Words and words. " * 500})
    assert len(answer["Location"]) < 2_000
    assert Speech.objects.get().script in owner.get(answer["Location"]).context["form"]["script"].value()


def test_a_video_is_not_refused_for_what_is_typed(owner: Client, house: Workspace) -> None:
    wish = {
        "portrait": shop.portrait_of(house).pk,
        "voice": shop.voice_of(house).pk,
        "model": "draft",
        "output_format": "mp4",
        "output_quality": "95",
        "max_amount_micros": str(shop.CEILING_MICROS),
        "script": "x" * 20_000,
        "speaker": "nobody:none",
        "pace": "quick",
    }
    assert owner.post(url("video_new", house), wish).status_code == 302
