"""Scripts by the API: spoken, quoted, in the place of a voice; speakers, samples and pronunciations."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from avatarsite.workspaces.tokens import set_ask_above
from billing.ledger.accounts import balance
from billing.models import Hold
from billing.prices import price_book
from studio.approvals.approvals import approve
from studio.models import Approval, Render, Speech
from studio.pipeline import spoken
from studio.speech import rounds
from studio.speech.engines import piper
from tests.conftest import Cast
from tests.studio.api.conftest import Caller, caller

pytestmark = pytest.mark.django_db(transaction=True)

JOE = "local:en_US-joe-medium"
SCRIPT = "A program asked for this. It is spoken by the server itself."
SENTENCES = ["A program asked for this.", "It is spoken by the server itself."]


@pytest.fixture(autouse=True)
def _engine(settings: Any, tmp_path: Path) -> Iterator[None]:
    settings.LOCAL_ENGINE_DIR = tmp_path / "engine"
    yield
    piper.end()


def test_the_speakers_are_listed_and_heard(api: Caller) -> None:
    answer = api.get("voices").json()
    assert answer["data"] == [
        {
            "id": JOE,
            "name": "Joe",
            "language": "en-US",
            "engine": "This server",
            "price": {"amount_micros": 0, "currency": "USD", "display": "$0.00"},
            "generation_characters": 500,
            "paces": [0.5, 2.0],
            "preview_url": f"http://127.0.0.1:8000/api/v1/voices/{JOE}/sample",
        }
    ]
    for _ in range(2):
        heard = api.get(f"voices/{JOE}/sample")
        assert (heard.status_code, heard.headers["Content-Type"]) == (200, "audio/wav")
        assert len(heard.content) > 100_000
    assert api.get("voices/local:nobody/sample").status_code == 404


def test_a_script_is_spoken_followed_and_repeated_for_nothing(api: Caller) -> None:
    plan = api.post("voices", {"script": SCRIPT, "dry_run": True})
    assert plan.status_code == 200
    assert {name: plan.json()[name] for name in ("voice", "characters", "generations", "kept")} == {
        "voice": JOE,
        "characters": 59,
        "generations": 1,
        "kept": False,
    }
    assert not Speech.objects.exists()
    made = api.post("voices", {"script": SCRIPT}, Idempotency_Key="one")
    assert (made.status_code, made.json()["state"], made.json()["upload"]) == (202, "speaking", None)
    again = api.post("voices", {"script": SCRIPT}, Idempotency_Key="one")
    assert (again.status_code, again.json()["id"]) == (202, made.json()["id"])
    assert rounds.speak_here()
    speech = api.get(made.headers["Location"].removeprefix("/api/v1/")).json()
    assert (speech["state"], speech["charge"]["amount_micros"], speech["failure"]) == ("ready", 0, None)
    assert speech["upload"]["script"] == SCRIPT
    assert [one[2] for one in speech["upload"]["sentences"]] == SENTENCES
    kept = api.post("voices", {"script": SCRIPT})
    assert (kept.status_code, kept.json()) == (201, speech)
    assert api.post("voices", {"script": SCRIPT, "dry_run": True}).json()["kept"] is True
    assert api.get(f"uploads/{speech['upload']['id']}").json() == speech["upload"]


@pytest.mark.parametrize(
    ("body", "status", "code", "field"),
    [
        ({"script": ""}, 400, "invalid_request", "script"),
        ({"script": "x" * 60_001}, 400, "invalid_request", "script"),
        ({"script": "Hello.", "pace": 3}, 400, "invalid_request", "pace"),
        ({"script": "Hello.", "pace": "1"}, 400, "invalid_request", "pace"),
        ({"script": "Hello.", "volume": 3}, 400, "invalid_request", "volume"),
        ({"script": "[pause 1s]"}, 422, "script_says_nothing", "script"),
        ({"script": "One [pause 1m] two."}, 422, "bad_pause", "script"),
        ({"script": "Hello.", "voice": "local:nobody"}, 422, "unknown_voice", "voice"),
        ({"script": "Hello.", "voice": "fal:reader_en_m-v1"}, 409, "voice_unavailable", "voice"),
    ],
)
def test_what_can_not_be_spoken_names_field_and_remedy(
    api: Caller, body: dict[str, Any], status: int, code: str, field: str
) -> None:
    answer = api.post("voices", body)
    problem = answer.json()
    assert (answer.status_code, problem["code"], problem["field"]) == (status, code, field)
    assert problem["remedy"]
    assert not Speech.objects.exists()


def test_a_render_is_asked_for_by_its_words(api: Caller, inputs: dict[str, str]) -> None:
    words = {"script": SCRIPT, "voice": JOE, "pace": 1.25}
    quote = api.post("quotes", {"voice": words, "portrait": inputs["portrait"]}).json()
    assert quote["speech_ceiling"]["amount_micros"] == 0
    asked = {"portrait": inputs["portrait"], "voice": words, "quote": quote["id"]}
    made = api.post("renders", asked, Idempotency_Key="words").json()
    assert (made["state"], made["voice"], made["ceiling"]) == ("speaking", None, quote["ceiling"])
    assert api.post("renders", asked, Idempotency_Key="words").json()["id"] == made["id"]
    assert spoken.speak_and_move_on(made["speech"])
    render = api.get(f"renders/{made['id']}").json()
    speech = api.get(f"voices/{made['speech']}").json()
    assert (render["state"], render["voice"]) == ("queued", speech["upload"]["id"])
    assert render["ceiling"]["amount_micros"] < made["ceiling"]["amount_micros"]
    assert balance(api.token.workspace).held_micros == render["ceiling"]["amount_micros"]
    once_more = api.post("renders", {**asked, "quote": quote["id"]}).json()
    assert (once_more["state"], once_more["voice"]) == ("queued", render["voice"])


def test_a_batch_mixes_scripts_and_uploads(api: Caller, inputs: dict[str, str]) -> None:
    items = [inputs, {**inputs, "voice": {"script": SCRIPT}}, {**inputs, "voice": {"script": "Others."}}]
    quote = api.post("batches/quotes", {"items": items}).json()
    batch = api.post("batches", {"items": items, "quote": quote["id"]}).json()
    assert batch["states"]["speaking"] == 2
    wrong = [*items, {**inputs, "voice": {"script": "[pause 99s] no"}}]
    refused = api.post("batches", {"items": wrong})
    assert (refused.status_code, refused.json()["items"][0]["index"], refused.json()["items"][0]["code"]) == (
        422,
        3,
        "bad_pause",
    )
    assert Render.objects.count() == 3


def test_a_test_token_speaks_with_voices_that_cost_nothing(cast: Cast, priced: None, inputs: dict[str, str]) -> None:
    test = caller(cast.workspace, cast.alice, test=True)
    made = test.post("renders", {**inputs, "voice": {"script": SCRIPT}})
    assert (made.status_code, made.json()["state"], Hold.objects.get().amount_micros) == (201, "speaking", 0)
    answer = test.post("voices", {"script": SCRIPT, "voice": "fal:reader_en_m-v1"})
    assert (answer.status_code, answer.json()["code"]) == (422, "voice_costs")


def test_words_are_said_as_the_workspace_wants(api: Caller) -> None:
    made = api.post("pronunciations", {"word": "program", "said": "pro gram"})
    assert (made.status_code, made.json()["word"], made.json()["said"]) == (201, "program", "pro gram")
    assert api.post("pronunciations", {"word": "Program", "said": "proh gram"}).json()["id"] == made.json()["id"]
    assert [row["said"] for row in api.get("pronunciations").json()["data"]] == ["proh gram"]
    speech = api.post("voices", {"script": SCRIPT}).json()
    part = Speech.objects.get(pk=speech["id"]).parts.get()
    assert (part.said[0], part.sentences[0]) == ("A proh gram asked for this.", SENTENCES[0])
    refused = api.post("pronunciations", {"word": "…", "said": "x"})
    assert (refused.status_code, refused.json()["code"]) == (422, "bad_pronunciation")
    assert api.ask("DELETE", f"pronunciations/{made.json()['id']}").status_code == 204
    assert api.get("pronunciations").json()["data"] == []


def test_a_token_speaks_by_itself_no_more_than_it_may_spend_by_itself(
    cast: Cast, api: Caller, inputs: dict[str, str], settings: Any
) -> None:
    settings.FAL_KEY, settings.PRICE_MARKUP_PERCENT = "an-id:a-secret", Decimal(0)
    price_book.seed_prices()
    words = {"script": SCRIPT, "voice": "fal:reader_en_m-v1"}
    set_ask_above(api.token, 5_000, user=cast.alice)
    refused = api.post("voices", words)
    assert (refused.status_code, refused.json()["code"], refused.json()["field"]) == (403, "approval_needed", "script")
    assert "up to $0.007, and the token spends more than $0.005 only" in refused.json()["detail"]
    assert not Speech.objects.exists()
    waits = api.post("renders", {**inputs, "voice": words})
    assert (waits.status_code, waits.json()["state"]) == (202, "awaiting_approval")
    kept = Approval.objects.get()
    assert (kept.script, kept.voice) == (SCRIPT, None)
    approve(kept, by=cast.alice)
    kept.refresh_from_db()
    made = kept.render
    assert (made.state, made.speech.script) == ("speaking", SCRIPT)
    assert balance(api.token.workspace).held_micros == kept.ceiling_micros
    set_ask_above(api.token, 7_000, user=cast.alice)
    words["script"] = "Other words."
    assert api.post("voices", words).status_code == 202
    set_ask_above(api.token, 0, user=cast.alice)
    assert api.post("voices", words).status_code == 202  # the same speech costs nothing more
    assert Speech.objects.count() == 2
