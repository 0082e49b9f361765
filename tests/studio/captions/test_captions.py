"""Captions of a video from the wish to the files, by the API: beside it, drawn into a copy of it, changed and gone."""

from __future__ import annotations

import json
from typing import Any

import av
import pysubs2
import pytest
from django.core.files.storage import default_storage
from django.utils import timezone

from avatarsite.outbox.models import Event
from billing.ledger import posting
from studio.captions import make
from studio.captions.make import make_captions
from studio.models import Captions, FileState, Render, RenderState, StoredFile, Upload
from studio.pipeline.drive import drive
from studio.pipeline.expire import delete_if_due
from studio.storage_audit import verify_storage
from studio.videos.trash import bin_video, empty_bin
from tests.conftest import Cast
from tests.studio.api.conftest import Caller
from tests.support.links import follow

pytestmark = pytest.mark.django_db

SENTENCES = [[200, 1_900, "Hello, and welcome."], [2_100, 4_000, "This is Avatar Studio."]]
SRT = "1\n00:00:00,500 --> 00:00:02,000\nOne & <i>two</i>\n\n2\n00:00:02,000 --> 00:00:03,000\nThree\n"


@pytest.fixture
def spoken(inputs: dict[str, str]) -> dict[str, str]:
    """Inputs whose voice has its words, with their times."""
    script = " ".join(str(sentence[2]) for sentence in SENTENCES)
    Upload.objects.filter(pk=inputs["voice"]).update(script=script, sentences=SENTENCES)
    return inputs


def made(api: Caller, body: dict[str, Any]) -> dict[str, Any]:
    """A video that is ready, with what was asked for beside it."""
    answer = api.post("renders", body)
    assert answer.status_code == 201, answer.content
    assert drive(answer.json()["id"]).state == RenderState.READY
    make_captions(answer.json()["id"])
    return dict(api.get(f"renders/{answer.json()['id']}").json())


def put(api: Caller, render: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = api.ask("PUT", f"renders/{render}/captions", body)
    assert answer.status_code == 200, answer.content
    make_captions(render)
    return dict(api.get(f"renders/{render}/captions").json())


def kinds(render: dict[str, Any]) -> list[str]:
    return [output["kind"] for output in render["outputs"]]


def are_leaving(names: list[str]) -> bool:
    """Gone, or to go once the transaction that let them go is committed."""
    return bool(names) and not StoredFile.objects.filter(pk__in=names).exclude(state=FileState.LEAVING).exists()


def content(render: str, output: str) -> str:
    names = {"captions.srt": "srt", "captions.vtt": "vtt"}
    with default_storage.open(getattr(Captions.objects.get(pk=render), names[output]).name) as file:
        return str(file.read().decode())


def test_a_script_becomes_files_that_are_there_with_the_video(api: Caller, spoken: dict[str, str]) -> None:
    render = made(api, {**spoken, "captions": {"from": "script"}})
    assert kinds(render) == ["video", "poster", "captions.srt", "captions.vtt"]
    told = {"from": "script", "state": "ready", "estimated": False, "burn": None, "burn_state": None, "failure": None}
    assert render["captions"] == told
    assert [event.kind for event in Event.objects.order_by("row")][-1] == "render.ready"
    assert kinds(Event.objects.get(kind="render.ready").data) == kinds(render)
    for output, form in (("captions.srt", "srt"), ("captions.vtt", "vtt")):
        cues = pysubs2.SSAFile.from_string(content(render["id"], output))
        assert (cues.format, [(cue.start, cue.end, cue.plaintext) for cue in cues]) == (
            form,
            list(map(tuple, SENTENCES)),
        )
    leads = api.get(f"renders/{render['id']}/outputs/captions.vtt")
    file = follow(api.client, leads.headers["Location"])
    assert (leads.status_code, file.content_type) == (302, "text/vtt")
    assert file.content.decode() == content(render["id"], "captions.vtt")
    assert verify_storage() == []


def test_without_a_script_the_words_are_asked_for(api: Caller, inputs: dict[str, str]) -> None:
    answer = api.post("renders", {**inputs, "captions": {"from": "script"}})
    problem = answer.json()
    assert (answer.status_code, problem["code"], problem["field"]) == (422, "captions_without_words", "captions.from")
    assert not Render.objects.exists()


def test_a_text_is_aligned_and_says_that_it_is_an_estimate(api: Caller, inputs: dict[str, str]) -> None:
    render = made(api, {**inputs, "captions": {"from": "text", "text": "Welcome. Bring a portrait. Bring a voice."}})
    assert (render["captions"]["state"], render["captions"]["estimated"]) == ("ready", True)
    cues = api.get(f"renders/{render['id']}/captions").json()["cues"]
    assert " ".join(cue["text"].replace("\n", " ") for cue in cues) == "Welcome. Bring a portrait. Bring a voice."


def test_a_file_is_taken_changed_and_deleted(api: Caller, spoken: dict[str, str]) -> None:
    render = made(api, spoken)
    assert (render["captions"], kinds(render)) == (None, ["video", "poster"])
    assert api.get(f"renders/{render['id']}/captions").status_code == 404
    found = put(api, render["id"], {"from": "file", "file": SRT})
    assert [(cue["start_ms"], cue["end_ms"], cue["text"]) for cue in found["cues"]] == [
        (500, 2_000, "One & two"),
        (2_000, 3_000, "Three"),
    ]
    first = Captions.objects.get(pk=render["id"]).files
    found["cues"][1]["text"] = "Three!"
    changed = put(api, render["id"], {"from": "cues", "cues": found["cues"]})
    assert (changed["from"], changed["cues"]) == ("cues", found["cues"])
    assert are_leaving(first)
    kept = Captions.objects.get(pk=render["id"]).files
    assert api.ask("DELETE", f"renders/{render['id']}/captions").status_code == 204
    assert are_leaving(kept)
    assert kinds(api.get(f"renders/{render['id']}").json()) == ["video", "poster"]
    assert [event.kind for event in Event.objects.filter(kind="render.captioned")] == ["render.captioned"] * 2


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({"from": "text"}, "captions_source", "from"),
        ({"from": "script", "text": "x"}, "captions_source", "from"),
        ({"from": "text", "text": "  "}, "captions_empty", "text"),
        ({"from": "file", "file": "no captions"}, "captions_empty", "file"),
        ({"from": "file", "file": "data:text/vtt;base64,!"}, "captions_unreadable", "file"),
        ({"from": "cues", "cues": [{"start_ms": 2, "end_ms": 1, "text": "x"}]}, "captions_times", "cues"),
        (
            {"from": "text", "text": "\ud83d\ude00 \U0001f9ff \u1d00\U00012000", "burn": "box"},
            "captions_letters",
            "burn",
        ),
    ],
)
def test_refusals_name_their_field(
    api: Caller, inputs: dict[str, str], body: dict[str, Any], code: str, field: str
) -> None:
    render = api.post("renders", inputs).json()
    answer = api.ask("PUT", f"renders/{render['id']}/captions", body)
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (422, code, field)
    assert not Captions.objects.exists()


def test_captions_are_drawn_into_a_copy_and_the_video_stays(api: Caller, spoken: dict[str, str]) -> None:
    render = made(api, {**spoken, "captions": {"from": "script", "burn": "box"}})
    assert kinds(render) == ["video", "poster", "captions.srt", "captions.vtt", "captioned_video"]
    assert (render["captions"]["burn_state"], render["charge"]["amount_micros"] > 0) == ("ready", True)
    row = Render.objects.select_related("captions").get(pk=render["id"])
    with row.captions.video.open() as drawn, row.video.open() as plain, av.open(drawn) as copy, av.open(plain) as video:
        assert sum(1 for _ in copy.decode(video=0)) == sum(1 for _ in video.decode(video=0))
    assert row.video_sha256 == render["sha256"]
    assert verify_storage() == []


def test_what_fails_while_they_are_drawn_neither_fails_nor_charges_the_video(
    api: Caller, spoken: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: object, **_more: object) -> None:
        raise OSError("The disk is full.")

    render = made(api, spoken)
    before = posting.balance(api.token.workspace)
    monkeypatch.setattr(make.judge, "burn", fail)
    assert api.ask("PUT", f"renders/{render['id']}/captions", {"from": "script", "burn": "plain"}).status_code == 200
    for _ in range(make.MAX_TRIES + 1):
        Captions.objects.filter(next_try_at__isnull=False).update(next_try_at=timezone.now())
        assert not make_captions(render["id"])
    now = api.get(f"renders/{render['id']}").json()
    assert (now["state"], now["charge"], posting.balance(api.token.workspace)) == ("ready", render["charge"], before)
    assert (now["captions"]["state"], now["captions"]["burn_state"]) == ("ready", "failed")
    assert now["captions"]["failure"] == make.NOT_MADE


def test_whoever_makes_older_captions_writes_over_nothing(
    api: Caller, spoken: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    render = made(api, spoken)
    path = f"renders/{render['id']}/captions"
    real = make.cues_of

    def changed_meanwhile(*args: Any) -> Any:
        monkeypatch.setattr(make, "cues_of", real)
        assert api.ask("PUT", path, {"from": "file", "file": SRT}).status_code == 200
        assert make_captions(render["id"])
        return real(*args)

    assert api.ask("PUT", path, {"from": "script"}).status_code == 200
    monkeypatch.setattr(make, "cues_of", changed_meanwhile)
    assert not make_captions(render["id"])
    assert api.get(path).json()["from"] == "file"
    kept = StoredFile.objects.filter(kind="captions", state=FileState.KEPT).values_list("pk", flat=True)
    assert sorted(kept) == sorted(Captions.objects.get().files)


def test_they_go_with_the_video(api: Caller, cast: Cast, spoken: dict[str, str]) -> None:
    first, second = (made(api, {**spoken, "captions": {"from": "script"}}) for _ in range(2))
    files = [name for captions in Captions.objects.all() for name in captions.files]
    Render.objects.filter(pk=first["id"]).update(delete_at=timezone.now())
    assert delete_if_due(Render.objects.get(pk=first["id"]))
    bin_video(Render.objects.get(pk=second["id"]))
    empty_bin(cast.workspace)
    assert are_leaving(files)
    assert not Captions.objects.exists()
    assert verify_storage() == []
    refused = api.ask("PUT", f"renders/{first['id']}/captions", {"from": "file", "file": SRT})
    assert (refused.status_code, refused.json()["code"]) == (409, "captions_too_late")


def test_a_retry_asks_for_the_same_captions(api: Caller, spoken: dict[str, str]) -> None:
    render = made(api, {**spoken, "captions": {"from": "file", "file": SRT}})
    again = api.post(f"renders/{render['id']}/retry").json()
    assert again["captions"] == {**render["captions"], "state": "waiting"}
    assert json.dumps(Captions.objects.get(pk=again["id"]).cues) == json.dumps(
        Captions.objects.get(pk=render["id"]).cues
    )


def test_an_etag_refuses_a_change_of_what_has_changed(api: Caller, spoken: dict[str, str]) -> None:
    render = made(api, {**spoken, "captions": {"from": "script"}})
    path = f"renders/{render['id']}/captions"
    etag = api.get(path).headers["ETag"]
    assert api.ask("PUT", path, {"from": "file", "file": SRT}, If_Match=etag).status_code == 200
    assert api.ask("PUT", path, {"from": "script"}, If_Match=etag).status_code == 412
