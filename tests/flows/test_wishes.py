"""What a customer may say beside the inputs, and what a test token gets."""

from __future__ import annotations

from typing import Any

import pytest

from avatarsite.workspaces.models import Member, Role, Scope, User
from avatarsite.workspaces.tokens import make_token
from billing.models import Transfer, Usage
from billing.prices import price_book
from billing.verify import verification
from studio.errors import RequestRefused
from studio.models import Render, RenderState
from studio.pipeline.drive import drive
from studio.pipeline.request.options import DEFAULTS
from studio.pipeline.request.quote import quote_render
from studio.pipeline.request.take import retry_render
from tests.flows.cast import Studio, ask, make_studio

pytestmark = pytest.mark.django_db(transaction=True)

RUNWARE = "runware:klingai:avatar@2.0-pro"
FAL = "fal:fal-ai/kling-video/ai-avatar/v2/pro"
ENDPOINT = "https://bucket.example.com/video"


@pytest.fixture
def studio(settings: Any, tmp_path: Any) -> Studio:
    settings.LOCAL_ENGINE_DIR = tmp_path / "engine"
    price_book.seed_prices()
    return make_studio()


@pytest.fixture
def owner(studio: Studio) -> User:
    owner = User.objects.create_user("owner@example.com", "a long password")
    Member.objects.create(workspace=studio.workspace, user=owner, role=Role.OWNER)
    return owner


def test_a_test_token_gets_a_draft_for_nothing_whatever_the_model(studio: Studio, owner: User) -> None:
    token, _ = make_token(studio.workspace, user=owner, name="CI", scopes=[Scope.RENDER], test=True)
    transfers = Transfer.objects.count()
    render = ask(studio, token=token, model="kling-avatar-2-pro", options={"content_check": "full"})
    assert (render.test, render.offer, render.ceiling_micros, render.fallbacks) == (True, "local:test", 0, [])
    render = drive(render.pk)
    assert (render.state, render.charge_micros) == (RenderState.READY, 0)
    assert Usage.objects.get().amount_micros == 0
    assert Transfer.objects.count() == transfers
    assert verification.verify() == []


def test_what_was_a_test_stays_one_when_it_is_asked_for_again(studio: Studio, owner: User) -> None:
    token, _ = make_token(studio.workspace, user=owner, name="CI", scopes=[Scope.RENDER], test=True)
    live, _ = make_token(studio.workspace, user=owner, name="Site", scopes=[Scope.RENDER])
    render = ask(studio, token=token)
    Render.objects.filter(pk=render.pk).update(state=RenderState.FAILED)
    render.refresh_from_db()
    assert [retry_render(render, user=owner, token=by).offer for by in (None, live)] == ["local:test", "local:test"]


def test_nobody_can_choose_the_test_offer(studio: Studio) -> None:
    assert quote_render(model="draft", voice_ms=2_000, offer="local:test").chosen is None
    with pytest.raises(RequestRefused) as refused:
        ask(studio, offer="local:test")
    assert (refused.value.field, refused.value.code) == ("model", "no_offer")


def test_the_customers_words_are_kept_and_asked_for_again(studio: Studio, owner: User) -> None:
    render = ask(studio, reference="order 17", metadata={"shop": "north"}, fallback=False)
    Render.objects.filter(pk=render.pk).update(state=RenderState.FAILED)
    render.refresh_from_db()
    again = retry_render(render, user=owner)
    assert again.pk != render.pk
    assert (again.reference, again.metadata, again.fallback) == ("order 17", {"shop": "north"}, False)


@pytest.mark.parametrize("fallback", [False, True])
@pytest.mark.parametrize("routing", ["cheapest", "fastest", "runware", RUNWARE])
def test_asking_again_asks_for_the_same_providers_and_options(
    routing: str, fallback: bool, studio: Studio, owner: User, settings: Any
) -> None:
    settings.RUNWARE_API_KEY, settings.FAL_KEY = "a-key", "an-id:a-secret"
    wanted = {"output_format": "webm", "output_quality": 60, "ttl_seconds": 3_600, "upload_endpoint": ENDPOINT}
    model = {"model": "kling-avatar-2-pro", "routing": routing, "fallback": fallback}
    first = ask(studio, **model, options=wanted | {"takes": 2})
    Render.objects.filter(pk=first.pk).update(state=RenderState.FAILED)
    first.refresh_from_db()
    again = retry_render(first, user=owner)
    assert again.options == DEFAULTS | wanted
    others = [FAL] if fallback else []
    for render in (first, again):
        assert (render.routing, render.fallback, render.offer) == (routing, fallback, RUNWARE)
        assert [other["offer"] for other in render.fallbacks] == others
    assert again.ceiling_micros == first.ceiling_micros


def test_a_key_can_not_be_used_again_to_choose_another_provider(studio: Studio, settings: Any) -> None:
    settings.RUNWARE_API_KEY, settings.FAL_KEY = "a-key", "an-id:a-secret"
    first = ask(studio, key="mine", model="kling-avatar-2-pro", offer=RUNWARE, fallback=True)
    assert ask(studio, key="mine", model="kling-avatar-2-pro", routing=RUNWARE) == first
    for other in ({"offer": FAL, "fallback": True}, {"routing": "cheapest"}, {"offer": RUNWARE, "fallback": False}):
        with pytest.raises(RequestRefused) as refused:
            ask(studio, key="mine", model="kling-avatar-2-pro", **other)
        assert refused.value.code == "idempotency_conflict"


@pytest.mark.parametrize(
    ("words", "field", "code"),
    [
        ({"reference": "x" * 201}, "reference", "reference_too_long"),
        ({"reference": "a\0b"}, "reference", "reference_unreadable"),
        ({"prompt": "a\0b"}, "prompt", "prompt_unreadable"),
        ({"metadata": {str(number): "" for number in range(51)}}, "metadata", "metadata_too_large"),
        ({"metadata": {"n" * 41: ""}}, "metadata", "metadata_too_long"),
        ({"metadata": {"n": "v" * 501}}, "metadata", "metadata_too_long"),
        ({"metadata": {"n": 1}}, "metadata", "metadata_not_text"),
    ],
)
def test_words_that_can_not_be_kept_are_refused(studio: Studio, words: dict[str, Any], field: str, code: str) -> None:
    with pytest.raises(RequestRefused) as refused:
        ask(studio, **words)
    assert (refused.value.field, refused.value.code) == (field, code)
    assert Render.objects.count() == 0
