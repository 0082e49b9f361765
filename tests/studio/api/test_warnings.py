"""Portraits judged before money, by the API: told on the upload and in quotes, and refused only on wish. And crops."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from studio.models import Render
from studio.uploads.samples import PORTRAIT
from tests.corpus import pictures
from tests.studio.api.conftest import Caller

pytestmark = pytest.mark.django_db

NO_FACE = {
    "code": "no_face",
    "message": "No face was found in the portrait, so no mouth may move.",
    "remedy": "Choose a picture with one face that looks into the camera.",
}


def sent(api: Caller, data: bytes) -> dict[str, Any]:
    spelt = "data:;base64," + base64.b64encode(data).decode()
    answer: dict[str, Any] = api.post("uploads", {"kind": "portrait", "data": spelt}).json()
    return answer


@pytest.fixture
def faceless(api: Caller, inputs: dict[str, str]) -> str:
    return str(sent(api, pictures.jpeg())["id"])


def test_an_upload_says_what_speaks_against_it(api: Caller) -> None:
    good, spoiled = sent(api, PORTRAIT.read_bytes()), sent(api, pictures.jpeg())
    assert (good["warnings"], spoiled["warnings"]) == ([], [NO_FACE])
    assert api.get(f"uploads/{spoiled['id']}").json()["warnings"] == [NO_FACE]


def test_a_quote_says_it_too(api: Caller, inputs: dict[str, str], faceless: str) -> None:
    portrait, voice = inputs.values()
    asked = {"voice": voice, "model": "draft"}
    assert api.post("quotes", asked).json()["warnings"] == []
    assert api.post("quotes", asked | {"portrait": portrait}).json()["warnings"] == []
    assert api.post("quotes", asked | {"portrait": faceless}).json()["warnings"] == [NO_FACE]
    assert api.post("quotes", {"seconds": 5, "portrait": faceless}).json()["warnings"] == [NO_FACE]
    items = [{"portrait": one, "voice": voice} for one in (portrait, faceless)]
    priced = api.post("batches/quotes", {"items": items}).json()["items"]
    assert [item["warnings"] for item in priced] == [[], [NO_FACE]]


@pytest.mark.parametrize(("said", "status"), [({}, 201), ({"accept_warnings": True}, 201)])
def test_a_program_is_warned_and_not_refused(
    api: Caller, inputs: dict[str, str], faceless: str, said: dict[str, bool], status: int
) -> None:
    answer = api.post("renders", {"portrait": faceless, "voice": inputs["voice"], **said})
    assert answer.status_code == status


def test_a_program_may_ask_to_be_refused(api: Caller, inputs: dict[str, str], faceless: str) -> None:
    portrait, voice = inputs.values()
    careful = {"voice": voice, "accept_warnings": False}
    answer = api.post("renders", {"portrait": faceless, **careful})
    problem = answer.json()
    assert (answer.status_code, problem["code"], problem["field"]) == (422, "portrait_warnings", "accept_warnings")
    assert NO_FACE["message"] in problem["detail"]
    batch = api.post("batches", {"items": [{"portrait": faceless, **careful}, {"portrait": portrait, **careful}]})
    assert batch.status_code == 422
    assert [item["index"] for item in batch.json()["items"]] == [0]
    assert Render.objects.count() == 0
    assert api.post("renders", {"portrait": portrait, **careful}).status_code == 201


def test_a_crop_is_an_upload_that_says_of_which(api: Caller) -> None:
    whole = sent(api, PORTRAIT.read_bytes())
    made = api.post(f"uploads/{whole['id']}/crops", {"ratio": "4:5"})
    crop = made.json()
    assert (made.status_code, made.headers["Location"]) == (201, f"/api/v1/uploads/{crop['id']}")
    assert (crop["width"], crop["height"], crop["crop_of"], whole["crop_of"]) == (410, 512, whole["id"], None)
    assert api.post(f"uploads/{whole['id']}/crops", {"ratio": "4:5"}).json() == crop
    assert api.post(f"uploads/{whole['id']}/crops", {"ratio": "1:1"}).json() == whole
    assert api.post(f"uploads/{whole['id']}/crops", {"ratio": "3:2"}).status_code == 400
    assert api.post("uploads/upl_nothing/crops", {"ratio": "1:1"}).status_code == 404
