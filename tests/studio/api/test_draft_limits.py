"""How many drafts may wait and how much of them is free a day: told as 429 with when, and nothing is held."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from billing.models import Hold
from studio.models import Render, RenderState
from studio.pipeline.submit import claim
from tests.conftest import Cast
from tests.studio.api.conftest import Caller, caller, uploads

NOON = datetime(2037, 5, 4, 12, tzinfo=UTC)
LIMITS = {"waiting": "drafts_waiting", "free": "free_seconds_used"}


@pytest.fixture
def test_api(cast: Cast, priced: None) -> Caller:
    return caller(cast.workspace, cast.alice, test=True)


def limit(settings: Any, *, waiting: tuple[int, int] = (0, 0), free: tuple[int, int] = (0, 0)) -> None:
    """Limits of the workspace and of each token; 0 is none."""
    names = ("workspace", "token")
    settings.DRAFTS_WAITING = dict(zip(names, waiting, strict=True))
    settings.FREE_SECONDS_A_DAY = dict(zip(names, free, strict=True))


def told(answer: Any) -> tuple[int, str, str]:
    problem = answer.json()
    assert (problem["charged"], int(answer.headers["Retry-After"])) == (False, problem["retry_after_seconds"])
    return answer.status_code, problem["code"], f"{problem['detail']} {problem['remedy']}"


def wish(inputs: dict[str, str], **also: Any) -> dict[str, Any]:
    return inputs | {"model": "draft"} | also


def seconds_of_one() -> int:
    """Of the video that the samples make, in whole seconds."""
    (length,) = set(Render.objects.values_list("ceiling_ms", flat=True))
    return -(-length // 1000)


def test_drafts_that_wait_are_limited_by_token_and_by_workspace(
    test_api: Caller, cast: Cast, inputs: dict[str, str], settings: Any
) -> None:
    limit(settings, waiting=(3, 2))
    other = caller(cast.workspace, cast.alice)
    assert [test_api.post("renders", wish(inputs)).status_code for _ in range(2)] == [201, 201]
    assert told(test_api.post("renders", wish(inputs))) == (
        429,
        "drafts_waiting",
        "At most 2 drafts of this token may wait; with 2 waiting now, this asks for 1 more. Ask again in 5 s.",
    )
    assert caller(cast.workspace, cast.alice, test=True).post("renders", wish(inputs)).status_code == 201
    assert told(other.post("renders", wish(inputs)))[2] == (
        "At most 3 drafts of this workspace may wait; with 3 waiting now, this asks for 1 more. Ask again in 5 s."
    )
    # One of them gets its place, and there is room for another.
    first = Render.objects.order_by("pk")[0]
    assert claim(first.pk) is not None
    Render.objects.filter(pk=first.pk).update(state=RenderState.RENDERING, next_try_at=None)
    assert test_api.post("renders", wish(inputs)).status_code == 201
    assert Render.objects.count() == 4


def test_another_workspace_has_limits_of_its_own(test_api: Caller, cast: Cast, inputs: Any, settings: Any) -> None:
    limit(settings, waiting=(1, 1), free=(60, 60))
    theirs = cast.charlie.workspaces.get()
    stranger = caller(theirs, cast.charlie, test=True)
    portrait, voice = uploads(theirs)
    assert [test_api.post("renders", wish(inputs)).status_code for _ in range(2)] == [201, 429]
    assert stranger.post("renders", wish({"portrait": portrait.pk, "voice": voice.pk})).status_code == 201


def test_a_day_s_free_seconds_come_back_tomorrow(
    test_api: Caller, inputs: dict[str, str], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit(settings)
    monkeypatch.setattr(timezone, "now", lambda: NOON)
    assert test_api.post("renders", wish(inputs)).status_code == 201
    one = seconds_of_one()
    limit(settings, free=(0, 2 * one))
    assert test_api.post("renders", wish(inputs)).status_code == 201
    refused = test_api.post("renders", wish(inputs), Idempotency_Key="tomorrow")
    status, code, sentence = told(refused)
    assert (status, code) == (429, "free_seconds_used")
    assert sentence.startswith(f"Free videos of this token have {2 * one} seconds a day, of which ")
    assert sentence.endswith("They come back at midnight UTC, in 12 h 1 min.")
    wait = int(refused.headers["Retry-After"])
    monkeypatch.setattr(timezone, "now", lambda: NOON + timedelta(seconds=wait))
    assert [
        test_api.post("renders", wish(inputs), Idempotency_Key=key).status_code for key in ("tomorrow", "two", "three")
    ] == [201, 201, 429]


@pytest.mark.parametrize("limited", LIMITS)
def test_a_batch_is_taken_whole_or_refused_before_anything_is_held(
    limited: str, test_api: Caller, inputs: dict[str, str], settings: Any
) -> None:
    limit(settings)
    test_api.post("renders", wish(inputs))
    one = seconds_of_one()
    limit(settings, **{limited: (4, 3) if limited == "waiting" else (4 * one, 3 * one)})
    most = 3 if limited == "waiting" else 3 * one
    before = (Render.objects.count(), Hold.objects.count())
    status, code, sentence = told(test_api.post("batches", {"items": [wish(inputs)] * 3}))
    assert (status, code, Render.objects.count(), Hold.objects.count()) == (429, LIMITS[limited], *before)
    assert f"{most} " in sentence
    status, code, sentence = told(test_api.post("batches", {"items": [wish(inputs)] * 4}))
    assert (status, code) == (429, LIMITS[limited])
    assert f"Ask for at most {most} " in sentence
    assert test_api.post("batches", {"items": [wish(inputs)] * 2}).status_code == 201


@pytest.mark.parametrize("limited", LIMITS)
@pytest.mark.parametrize("takes", [1, 2])
def test_takes_and_retries_count_like_any_other(
    limited: str, takes: int, test_api: Caller, inputs: dict[str, str], settings: Any
) -> None:
    limit(settings)
    first = test_api.post("renders", wish(inputs)).json()["id"]
    one = seconds_of_one()
    limit(settings, **{limited: (0, takes) if limited == "waiting" else (0, takes * one)})
    assert told(test_api.post("renders", wish(inputs, takes=takes)))[:2] == (429, LIMITS[limited])
    Render.objects.filter(pk=first).update(state=RenderState.FAILED, next_try_at=None, finished_at=timezone.now())
    limit(settings, **{limited: (0, 1)})
    if limited == "waiting":
        test_api.post("renders", wish(inputs))
    assert told(test_api.post(f"renders/{first}/retry"))[:2] == (429, LIMITS[limited])


def test_what_is_taken_back_before_it_began_gives_its_seconds_back(
    test_api: Caller, inputs: dict[str, str], settings: Any
) -> None:
    limit(settings)
    first = test_api.post("renders", wish(inputs)).json()["id"]
    limit(settings, free=(seconds_of_one(), 0))
    assert test_api.post("renders", wish(inputs)).status_code == 429
    assert test_api.post(f"renders/{first}/cancel").json()["state"] == "cancelled"
    assert test_api.post("renders", wish(inputs)).status_code == 201


def test_a_draft_that_costs_money_uses_no_free_seconds_but_waits_like_any(
    api: Caller, inputs: dict[str, str], settings: Any
) -> None:
    limit(settings, free=(1, 1), waiting=(2, 2))
    assert [api.post("renders", wish(inputs)).status_code for _ in range(3)] == [201, 201, 429]


def test_the_same_key_again_is_answered_also_at_the_limit(
    test_api: Caller, inputs: dict[str, str], settings: Any
) -> None:
    limit(settings, waiting=(1, 1))
    made, again = (test_api.post("renders", wish(inputs), Idempotency_Key="once") for _ in range(2))
    assert (made.status_code, again.status_code, again.json()["id"]) == (201, 201, made.json()["id"])


def test_the_dashboard_says_it_in_a_sentence(cast: Cast, priced: None, inputs: dict[str, str], settings: Any) -> None:
    limit(settings, waiting=(1, 0))
    client = Client()
    client.force_login(cast.alice)
    caller(cast.workspace, cast.alice, test=True).post("renders", wish(inputs))
    page = reverse("video_new", kwargs={"workspace": cast.workspace.slug})
    form = {"portrait": inputs["portrait"], "voice": inputs["voice"], "model": "draft", "output_format": "mp4"}
    answer = client.post(page, form | {"output_quality": "95", "max_amount_micros": "1000000"})
    assert (
        "At most 1 draft of this workspace may wait; with 1 waiting now, this asks for 1 more."
        in answer.content.decode()
    )
    assert Render.objects.count() == 1
