"""The right to a face and a voice: stated before the first paid video of them, and kept with each."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from avatarsite.legal.rights import OF_A_PROGRAM, OF_ONE_VIDEO, RIGHTS_VERSION
from avatarsite.workspaces.models import ApiToken, Scope, Workspace
from avatarsite.workspaces.tokens import make_token
from billing.prices import price_book
from studio.models import Render, RightsStatement, Upload, UploadKind
from studio.pipeline.request.render_request import RenderRequest
from studio.pipeline.request.take import take
from studio.projects import project_for_new_video
from studio.uploads.samples import add_samples
from tests.conftest import Cast
from tests.studio import shop

pytestmark = pytest.mark.django_db
BY_ALICE = "Alice Example (alice@example.org)"


@pytest.fixture
def house(cast: Cast) -> Workspace:
    return shop.open_shop(cast.workspace, dollars=50)


@pytest.fixture
def face(house: Workspace) -> Upload:
    """And a voice, which nobody has spoken for."""
    face = shop.portrait_of(house)
    shop.voice_of(house)
    RightsStatement.objects.all().delete()
    return face


@pytest.fixture
def owner(cast: Cast) -> Client:
    return cast.browser(cast.alice)


def wish(house: Workspace, **also: Any) -> dict[str, Any]:
    return {
        "portrait": shop.portrait_of(house).pk,
        "voice": shop.voice_of(house).pk,
        "model": "draft",
        "output_format": "mp4",
        "output_quality": "95",
        "max_amount_micros": str(shop.CEILING_MICROS),
        **also,
    }


def page(name: str, house: Workspace, **named: str) -> str:
    return reverse(name, kwargs={"workspace": house.slug, **named})


def test_the_box_is_there_until_it_was_ticked_and_never_again(house: Workspace, face: Upload, owner: Client) -> None:
    asked = owner.get(page("video_new", house), wish(house)).content.decode()
    (key,) = re.findall(r'name="rights" value="([^"]+)"', asked)
    assert OF_ONE_VIDEO in asked
    refused = owner.post(page("video_new", house), wish(house))
    assert (refused.status_code, Render.objects.count()) == (422, 0)
    assert "Nothing was made. Tick this if it is so" in refused.content.decode()
    assert owner.post(page("video_new", house), wish(house, rights=f"{key}x")).status_code == 422
    assert owner.post(page("video_new", house), wish(house, rights=key)).status_code == 302
    render = Render.objects.get()
    told = render.rights
    assert [(told[kind]["by"], told[kind]["version"], told[kind]["token"]) for kind in ("portrait", "voice")] == [
        (BY_ALICE, RIGHTS_VERSION, None)
    ] * 2
    assert OF_ONE_VIDEO not in owner.get(page("video_new", house), wish(house)).content.decode()
    assert owner.post(page("video_new", house), wish(house, idempotency_key="b")).status_code == 302
    assert Render.objects.exclude(pk=render.pk).get().rights == told
    assert f"Stated by {BY_ALICE}" in owner.get(page("video", house, render=render.pk)).content.decode()


def test_what_costs_nothing_or_is_ours_needs_no_statement(house: Workspace, face: Upload, cast: Cast) -> None:
    portrait, voice = add_samples(house)
    told: dict[str, Any] = {"workspace": house, "project": project_for_new_video(house), "rights": False}
    assert take(RenderRequest(portrait=portrait, voice=voice, **told), user=cast.alice)[0].rights == {}
    price_book.set_price("local:test", cost_micros_per_second=0, price_micros_per_second=0, source="a test")
    tester = make_token(house, user=cast.alice, name="t", scopes=[Scope.RENDER], test=True, rights=False)[0]
    request = RenderRequest(portrait=face, voice=shop.voice_of(house), token=tester, **told)
    assert take(request, user=cast.alice)[0].rights == {}


def test_a_crop_is_the_same_face(house: Workspace, face: Upload, cast: Cast) -> None:
    shop.stated(face, shop.voice_of(house))
    crop = Upload.objects.create(
        workspace=house, kind=UploadKind.PORTRAIT, name="crop.jpg", sha256="c" * 64, bytes=1, width=600, height=600,
        details={"crop": {"of": face.pk, "ratio": "1:1"}},
    )  # fmt: skip
    request = RenderRequest(house, project_for_new_video(house), crop, shop.voice_of(house), rights=False)
    assert take(request, user=cast.alice)[0].rights["portrait"]["by"] == "Alice"


def asked(client: Client, secret: str, house: Workspace, **also: Any) -> Any:
    body = {"portrait": shop.portrait_of(house).pk, "voice": shop.voice_of(house).pk, "model": "draft", **also}
    headers = {"Authorization": f"Bearer {secret}"}
    return client.post("/api/v1/renders", body, content_type="application/json", headers=headers)


def test_a_program_says_it_with_the_request_or_its_maker_has(
    house: Workspace, face: Upload, cast: Cast, client: Client
) -> None:
    token, secret = make_token(house, user=cast.alice, name="shop", scopes=[Scope.RENDER], rights=False)
    answer = asked(client, secret, house)
    problem = answer.json()
    assert (answer.status_code, problem["code"], problem["field"]) == (422, "rights_not_stated", "rights")
    assert Render.objects.count() == 0
    made = asked(client, secret, house, rights=True)
    assert made.status_code == 201, made.content
    told = made.json()["rights"]
    assert (told["portrait"]["by"], told["voice"]["token"]) == (BY_ALICE, token.pk)
    assert asked(client, secret, house).status_code == 201
    RightsStatement.objects.all().delete()
    assert asked(client, secret, house).status_code == 422
    _, stated = make_token(house, user=cast.alice, name="stated", scopes=[Scope.RENDER], rights=True)
    assert asked(client, stated, house).status_code == 201


def test_a_token_is_made_with_or_without_and_can_be_given_it(house: Workspace, owner: Client, cast: Cast) -> None:
    form = {"name": "a", "kind": "live", "scopes": ["render"], "days": "", "monthly_cap": "", "ask_above": ""}
    assert OF_A_PROGRAM in owner.get(page("developers", house)).content.decode()
    owner.post(page("developers", house), form)
    owner.post(page("developers", house), form | {"name": "b", "rights": "on"})
    rights = dict(ApiToken.objects.values_list("name", "rights"))
    assert rights == {"a": "", "b": RIGHTS_VERSION}
    token = ApiToken.objects.get(name="a")
    assert owner.post(page("token_rights", house, token=token.pk)).status_code == 302
    token.refresh_from_db()
    assert token.rights == RIGHTS_VERSION
