"""Each refusal at each door that asks for money: answered in the door's own form, and nothing is made or held."""

from __future__ import annotations

import base64
import html
import json
import pickle
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import IntegrityError
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from avatarsite.workspaces.models import ApiToken, Scope, User, Workspace
from avatarsite.workspaces.tokens import make_token
from billing.budgets.budgets import set_budget
from billing.holds import holds
from billing.ledger import accounts, posting
from billing.models import BudgetNotice, Hold, Price
from billing.prices import price_book
from billing.verify import verification
from studio.errors import RequestRefused
from studio.gateway import intake
from studio.gateway.model_names import DRAFTS
from studio.gateway.models import GatewayRequest, Protocol
from studio.models import OfferHealth, Project, Render, Upload
from studio.projects import archive_project, create_project, project_for_new_video
from studio.providers import registry
from studio.uploads.samples import PORTRAIT, VOICE, add_samples
from tests.conftest import PASSWORD, Cast
from tests.studio import shop
from tests.support.without_triggers import without_triggers

pytestmark = pytest.mark.django_db
CAP_MICROS = 10_000


@dataclass(frozen=True)
class House:
    """A workspace with a video to ask for again, and whoever may ask."""

    cast: Cast
    token: ApiToken
    secret: str
    operator: User
    project: Project
    made: Render
    inputs: tuple[Upload, Upload]

    @property
    def workspace(self) -> Workspace:
        return self.cast.workspace

    def api(self, path: str, body: Any = None) -> Any:
        return self.sent(f"/api/v1/{path}", body or {}, "Bearer")

    def sent(self, path: str, body: Any, scheme: str, method: str = "POST") -> Any:
        return Client().generic(
            method, path, json.dumps(body), content_type="application/json",
            headers={"Authorization": f"{scheme} {self.secret}"},
        )  # fmt: skip

    @property
    def files(self) -> dict[str, str]:
        return {kind: upload.pk for kind, upload in zip(("portrait", "voice"), self.inputs, strict=True)}


@pytest.fixture
def house(cast: Cast) -> House:
    shop.open_shop(cast.workspace)
    project = project_for_new_video(cast.workspace)
    inputs = add_samples(cast.workspace)
    token, secret = make_token(cast.workspace, user=cast.alice, name="t", scopes=list(Scope))
    operator = User.objects.create_superuser("root@example.org", PASSWORD)
    return House(cast, token, secret, operator, project, shop.failed(cast.workspace), inputs)


@pytest.fixture(autouse=True)
def the_ledger_verifies(db: None) -> Iterator[None]:
    yield
    assert verification.verify() == []


# --- What is refused -------------------------------------------------------------------------------------------------


def no_credit(house: House) -> None:
    left = posting.balance(house.workspace).available_micros
    holds.place_hold(house.workspace, left, key="all of it", subject="test:all")


def frozen(house: House) -> None:
    accounts.freeze(house.workspace, reason="a test")


def capped(*scopes: str) -> Callable[[House], None]:
    def setting(house: House) -> None:
        ids = {
            "project": [house.project.pk],
            "token": [house.token.lineage],
            "member": [str(house.cast.alice.pk), str(house.operator.pk)],
        }
        for scope in scopes:
            for one in [f"{scope}:{name}" for name in ids[scope]] if scope in ids else [scope]:
                set_budget(house.workspace, one, CAP_MICROS, user=house.cast.alice)

    return setting


def archived(house: House) -> None:
    create_project(house.workspace, "Another")
    archive_project(house.project)


def paused(house: House) -> None:
    OfferHealth.objects.create(pk=shop.OFFER, failures=5, open_until=timezone.now() + timedelta(hours=1))


def without_price(house: House) -> None:
    with without_triggers():
        Price.objects.filter(offer=shop.OFFER).update(effective_from=timezone.now() + timedelta(days=1))


def gone(house: House) -> None:
    """The test's own monkeypatch takes the offer from the registry."""


# --- Where it is asked for -------------------------------------------------------------------------------------------


def page_form(house: House, **also: Any) -> str:
    options = {"output_format": "mp4", "output_quality": 95}
    sent = {**house.files, **options, "project": house.project.pk, "max_amount_micros": 10**9, **also}
    answer = house.cast.browser(house.cast.alice).post(
        reverse("video_new", kwargs={"workspace": house.workspace.slug}), sent
    )
    assert answer.status_code == 422
    return html.unescape(answer.content.decode())


def page_takes(house: House) -> str:
    return page_form(house, takes="3")


def page_again(house: House) -> str:
    route = {"workspace": house.workspace.slug, "render": house.made.pk}
    answer = house.cast.browser(house.cast.alice).post(reverse("video_retry", kwargs=route), follow=True)
    assert answer.status_code == 200
    return html.unescape(answer.content.decode())


def problem(answer: Any) -> str:
    assert 400 <= answer.status_code < 500, answer.content
    told = answer.json()
    assert told["charged"] is False
    return f"{told['code']} {told['detail']} {told['remedy']} {told.get('items')}"


def api_create(house: House) -> str:
    return problem(house.api("renders", {**house.files, "project": house.project.pk}))


def api_takes(house: House) -> str:
    return problem(house.api("renders", {**house.files, "project": house.project.pk, "takes": 2}))


def api_again(house: House) -> str:
    return problem(house.api(f"renders/{house.made.pk}/retry"))


def api_batch(house: House) -> str:
    return problem(house.api("batches", {"items": [house.files], "project": house.project.pk}))


def spelt_out() -> tuple[str, str]:
    kinds = (("image/jpeg", PORTRAIT), ("audio/mpeg", VOICE))
    first, second = (f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}" for kind, path in kinds)
    return first, second


def carried_on() -> None:
    for row in GatewayRequest.objects.all():
        intake.start_request(row.pk)


def fal(house: House) -> str:
    image, audio = spelt_out()
    path = f"/compat/fal/{DRAFTS[Protocol.FAL]}"
    first = house.sent(path, {"image_url": image, "audio_url": audio}, "Key")
    if first.status_code != 200:
        assert first.status_code in (403, 404, 503)
        return str(first.json()["detail"])
    carried_on()
    answer = house.sent(first.json()["response_url"], None, "Key", "GET")
    assert answer.status_code in (403, 503)
    return str(answer.json()["detail"])


def runware(house: House) -> str:
    image, audio = spelt_out()
    task = {"taskType": "videoInference", "taskUUID": str(uuid4()), "model": DRAFTS[Protocol.RUNWARE]}
    first = house.sent("/compat/runware/v1", [task | {"inputs": {"image": image, "audio": audio}}], "Bearer")
    if first.status_code == 200:
        carried_on()
        poll = {"taskType": "getResponse", "taskUUID": task["taskUUID"]}
        first = house.sent("/compat/runware/v1", [poll], "Bearer")
    (error,) = first.json()["errors"]
    return f"{error['code']} {error['message']}"


def aimlapi(house: House) -> str:
    image, _ = spelt_out()
    path = "/compat/aimlapi/v2/video/generations"
    body = {"model": DRAFTS[Protocol.AIMLAPI], "image_url": image, "audio_url": "https://a.example/a.mp3"}
    first = house.sent(path, body, "Bearer")
    if first.status_code != 200:
        assert first.status_code in (403, 404, 503)
        return str(first.json()["message"])
    row = GatewayRequest.objects.get()
    row.voice = house.inputs[1]
    row.save()
    carried_on()
    answer = house.sent(f"{path}?generation_id={first.json()['id']}", None, "Bearer", "GET").json()
    assert answer["status"] == "error"
    return f"{answer['error']['name']} {answer['error']['message']}"


def admin_again(house: House) -> str:
    sent = {"action": "retry", "_selected_action": [house.made.pk]}
    answer = house.cast.browser(house.operator).post(reverse("admin:studio_render_changelist"), sent, follow=True)
    assert answer.status_code == 200
    return html.unescape(answer.content.decode())


def command(house: House) -> str:
    with pytest.raises(CommandError) as refusal:
        call_command("render", str(PORTRAIT), str(VOICE), "--workspace", house.workspace.slug)
    return str(refusal.value)


OF_A_PERSON = (page_form, page_takes, page_again, admin_again)
OF_A_TOKEN = (api_create, api_takes, api_again, api_batch, fal, runware, aimlapi)
OURS = (page_form, page_takes, page_again, api_create, api_takes, api_again, api_batch, admin_again, command)
GATEWAYS = (fal, runware, aimlapi)
ALL = (*OURS, *GATEWAYS)
UNAVAILABLE = {fal: "Runner could not be scheduled", runware: "noAvailableServer", aimlapi: "Service Unavailable"}
NOT_SOLD = {fal: "not found", runware: "modelUnavailable", aimlapi: "not found"}
# What is refused: how it comes about, the doors that it bears on, and what each of them says.
REFUSALS: dict[str, tuple[Callable[[House], None], tuple[Any, ...], str, dict[Any, str]]] = {
    "no credit": (
        no_credit, ALL, "and $0.00 is available",
        {
            fal: "Exhausted balance.", runware: "insufficientCredits",
            page_again: "and $0.0000 is available",
        },
    ),
    "frozen": (frozen, ALL, "credit is frozen", {fal: "Admin lock.", runware: "accountSuspended"}),
    "workspace cap": (
        capped("workspace"), ALL, "the monthly cap of this workspace",
        {fal: "Budget reached.", runware: "quotaExceeded", aimlapi: "InsufficientCreditsError"},
    ),
    "project cap": (capped("project"), ALL, "the monthly cap of the project", {fal: "Budget reached."}),
    "member cap": (capped("member"), OF_A_PERSON, "the monthly cap of", {}),
    "token cap": (capped("token"), OF_A_TOKEN, "the monthly cap of the API token", {}),
    "archived": (archived, tuple(door for door in OURS if door is not command), "", {}),
    "paused": (paused, ALL, "It fails at the moment", UNAVAILABLE),
    "without a price": (without_price, ALL, "No price has been set", UNAVAILABLE),
    "gone": (gone, tuple(door for door in ALL if door is not command), "There is no such offer", NOT_SOLD),
}  # fmt: skip
CASES = [(name, door) for name, (_, doors, *_) in REFUSALS.items() for door in doors]


@pytest.mark.parametrize(("name", "door"), CASES, ids=lambda value: getattr(value, "__name__", value))
def test_a_refusal_is_answered(
    name: str, door: Callable[[House], str], house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    happen, _, sentence, own = REFUSALS[name]
    happen(house)
    if name == "gone":
        monkeypatch.delitem(registry._OFFERS, shop.OFFER)
    before = (Render.objects.count(), Hold.objects.count(), posting.balance(house.workspace))
    said = door(house)
    assert own.get(door, "" if door in GATEWAYS else sentence) in said
    assert (Render.objects.count(), Hold.objects.count(), posting.balance(house.workspace)) == before


@pytest.mark.parametrize("door", [api_create, api_takes, api_again, *GATEWAYS])
@pytest.mark.parametrize(("happen", "seconds"), [(paused, [3600]), (without_price, [None])])
def test_what_is_paused_says_when_it_may_be_asked_for_again(
    happen: Callable[[House], None],
    seconds: list[int | None],
    door: Callable[[House], str],
    house: House,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[int | None] = []
    generic = Client.generic

    def noted(*args: Any, **also: Any) -> Any:
        answer = generic(*args, **also)
        after = answer.headers.get("Retry-After")
        told.append(round(int(after), -2) if after else None)
        return answer

    monkeypatch.setattr(Client, "generic", noted)
    happen(house)
    door(house)
    assert told == seconds


@pytest.mark.parametrize("door", [page_form, page_again, api_create, api_again, api_batch, fal, admin_again])
def test_that_a_cap_refused_it_is_noted_wherever_it_was(door: Callable[[House], str], house: House) -> None:
    capped("workspace")(house)
    door(house)
    assert list(BudgetNotice.objects.values_list("scope", "percent")) == [("workspace", 100)]


def test_every_refusal_of_money_has_its_code_in_the_api() -> None:
    from avatarsite.api.problems import CODES, problem_of  # noqa: PLC0415
    from avatarsite.errors import DomainError  # noqa: PLC0415

    for code in ("insufficient_credit", "wallet_frozen", "budget_reached", "no_offer", "batch_refused"):
        found = problem_of(DomainError(code, "No."))
        assert found is not None
        assert found.meaning is CODES[code]
    assert problem_of(IntegrityError()) is None
    assert price_book.DRAFT == shop.OFFER


def test_a_refusal_comes_whole_out_of_another_process() -> None:
    refusal = RequestRefused("voice", "quote_differs", "It differs.", "Ask again.")
    back = pickle.loads(pickle.dumps(refusal))
    assert (type(back), str(back), back.__dict__) == (RequestRefused, "It differs. Ask again.", refusal.__dict__)
