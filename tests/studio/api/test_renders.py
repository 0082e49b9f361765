"""Asking for videos by the API; test_once.py is about repeats and test_tenancy.py about others."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from django.utils import timezone

from avatarsite.outbox.models import Event
from billing.ledger import posting
from billing.money import usd_at_most
from studio.api.serializers import RenderSerializer
from studio.models import Render, RenderGroup, RenderState
from studio.pipeline.states import advance, note
from studio.representation import serialize_render
from studio.uploads.samples import PORTRAIT
from tests.conftest import Cast
from tests.studio import shop
from tests.studio.api.conftest import CREDIT, Caller, caller

pytestmark = pytest.mark.django_db


def test_a_render_is_taken_held_and_found_again(api: Caller, inputs: dict[str, str]) -> None:
    wish = {**inputs, "reference": "order-7", "metadata": {"customer": "42"}, "prompt": "calm"}
    made = api.post("renders", wish)
    assert made.status_code == 201, made.content
    found = made.json()
    assert made.headers["Location"] == f"/api/v1/renders/{found['id']}"
    assert (found["state"], found["reference"], found["metadata"]) == ("queued", "order-7", {"customer": "42"})
    assert found["charge"] is None
    assert found["ceiling"]["currency"] == "USD"
    assert posting.balance(api.token.workspace).held_micros == found["ceiling"]["amount_micros"] > 0
    assert api.get(f"renders/{found['id']}").json() == found
    assert api.get("renders?reference=order-7").json() == {"data": [found], "has_more": False, "next_cursor": None}
    assert api.get("renders?reference=order-8").json()["data"] == []


def test_the_render_remembers_its_token(api: Caller, inputs: dict[str, str]) -> None:
    made = api.post("renders", inputs).json()
    row = Render.objects.get(pk=made["id"])
    assert (row.token, row.requested_by, row.hold.token) == (api.token, api.token.made_by, api.token.lineage)


def test_a_test_token_makes_a_draft_and_moves_no_money(cast: Cast, priced: None, inputs: dict[str, str]) -> None:
    tester = caller(cast.workspace, cast.alice, "render", test=True)
    made = tester.post("renders", {**inputs, "model": "kling-avatar-2-pro"})
    assert made.status_code == 201, made.content
    assert (made.json()["test"], made.json()["ceiling"]["amount_micros"]) == (True, 0)
    assert posting.balance(cast.workspace).held_micros == 0


def test_without_credit_it_is_told_how_much_is_missing(cast: Cast, priced: None, inputs: dict[str, str]) -> None:
    answer = caller(cast.workspace, cast.alice, "render").post("renders", inputs)
    problem = answer.json()
    assert (answer.status_code, answer.headers["Content-Type"]) == (402, "application/problem+json")
    assert (problem["code"], problem["charged"], problem["missing"]) == (
        "insufficient_credit",
        False,
        problem["needed"],
    )
    assert not Render.objects.exists()


def test_a_quote_binds_the_render_that_names_it(api: Caller, inputs: dict[str, str]) -> None:
    quote = api.post("quotes", {**inputs, "model": "draft", "takes": 2}).json()
    made = api.post("renders", {**inputs, "quote": quote["id"]})
    assert made.status_code == 201, made.content
    takes = api.get(f"renders?group={made.json()['group']}").json()["data"]
    assert sum(take["ceiling"]["amount_micros"] for take in takes) == quote["ceiling"]["amount_micros"]
    differs = api.post("renders", {**inputs, "quote": quote["id"], "takes": 3})
    assert (differs.status_code, differs.json()["code"], differs.json()["field"]) == (422, "quote_differs", "takes")
    assert api.post("renders", {**inputs, "quote": "quo_forged"}).json()["code"] == "no_such_quote"


def test_a_price_above_what_is_allowed_is_refused(api: Caller, inputs: dict[str, str]) -> None:
    answer = api.post("renders", {**inputs, "max_amount_micros": 1})
    assert (answer.status_code, answer.json()["code"]) == (409, "price_changed")


def test_a_portrait_may_be_spelt_out(api: Caller, inputs: dict[str, str]) -> None:
    spelt = "data:image/jpeg;base64," + base64.b64encode(PORTRAIT.read_bytes()).decode()
    assert api.post("renders", {**inputs, "portrait": spelt}).json()["portrait"] == inputs["portrait"]


@pytest.mark.parametrize(
    ("change", "status", "code", "field"),
    [
        ({"portrait": 5}, 400, "invalid_request", "portrait"),
        ({"surprise": 1}, 400, "invalid_request", "surprise"),
        ({"options": {"output_quality": "95"}}, 400, "invalid_request", "options.output_quality"),
        ({"portrait": "upl_nobody"}, 422, "no_such_upload", "portrait"),
        ({"portrait": "face.jpg"}, 422, "not_media", "portrait"),
        ({"portrait": "http://127.0.0.1/face.jpg"}, 422, "portrait_unreachable", "portrait"),
        ({"model": "sora"}, 422, "unknown_model", "model"),
        ({"project": "prj_nobody"}, 422, "no_such_project", "project"),
        ({"prompt": "a\0b"}, 400, "invalid_request", "prompt"),
        ({"metadata": {"a": 1}}, 400, "invalid_request", "metadata.a"),
    ],
)
def test_what_cannot_be_is_refused_with_field_and_code(  # noqa: PLR0917 -- a case has six parts
    api: Caller, inputs: dict[str, str], change: dict[str, Any], status: int, code: str, field: str
) -> None:
    answer = api.post("renders", {**inputs, **change})
    problem = answer.json()
    assert (answer.status_code, problem["code"], problem["field"]) == (status, code, field), problem
    assert problem["type"] == problem["docs"] == f"http://127.0.0.1:8000/api/errors#{code}"
    assert posting.balance(api.token.workspace).available_micros == CREDIT


def test_cancel_gives_the_hold_back_and_twice_is_once(api: Caller, inputs: dict[str, str]) -> None:
    pk = api.post("renders", inputs).json()["id"]
    assert api.ask("DELETE", f"renders/{pk}").json()["code"] == "still_running"
    assert [api.post(f"renders/{pk}/cancel").json()["state"] for _ in range(2)] == ["cancelled"] * 2
    assert posting.balance(api.token.workspace).available_micros == CREDIT
    events = api.get(f"renders/{pk}/events").json()["data"]
    assert [event["to_state"] for event in events] == ["queued", "cancelled"]
    again = api.post(f"renders/{pk}/retry")
    assert (again.status_code, again.json()["state"]) == (201, "queued")
    assert api.ask("DELETE", f"renders/{pk}").status_code == 204
    assert api.get(f"renders/{pk}").status_code == 404


def test_a_cancel_that_comes_too_late_is_refused_and_says_why(api: Caller, inputs: dict[str, str]) -> None:
    """At a provider that stops nothing, after one could not stop it, while it is copied, and when it has ended."""
    made = [Render.objects.get(pk=api.post("renders", inputs).json()["id"]) for _ in range(4)]
    elsewhere, late, copied, ended = (shop.accepted(render) for render in made)
    Render.objects.filter(pk=elsewhere.pk).update(offer="runware:klingai:avatar@2.0-pro")
    Render.objects.filter(pk=late.pk).update(cancel_requested_at=timezone.now())
    note(late, "the provider's answer to the cancel: too_late")
    advance(copied, RenderState.INGESTING, reason="the provider has finished")
    shop.made_ready(ended)
    most = usd_at_most(ended.ceiling_micros)
    told = {
        elsewhere: f"The provider can't stop a video that it has taken. You will get it, and pay at most {most}.",
        late: f"The provider can't stop it any more. If a video comes of it, you get it and pay at most {most}.",
        copied: "The provider has finished it; it will be here in a moment.",
        ended: "This video has ended already.",
    }
    for render, why in told.items():
        state, answer = api.get(f"renders/{render.pk}").json()["state"], api.post(f"renders/{render.pk}/cancel")
        problem = answer.json()
        assert (answer.status_code, problem["code"], problem["field"]) == (409, "cannot_cancel", "render")
        assert problem["detail"] == why
        assert api.get(f"renders/{render.pk}").json()["state"] == state


def test_pages_follow_one_another_without_a_gap(api: Caller, inputs: dict[str, str]) -> None:
    made = [api.post("renders", inputs).json()["id"] for _ in range(5)]
    seen, cursor = [], ""
    while True:
        page = api.get(f"renders?limit=2{cursor}").json()
        seen += [render["id"] for render in page["data"]]
        if not page["has_more"]:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == made[::-1]


def test_an_etag_spares_what_has_not_changed(api: Caller, inputs: dict[str, str]) -> None:
    pk = api.post("renders", inputs).json()["id"]
    first = api.get(f"renders/{pk}")
    again = api.get(f"renders/{pk}", If_None_Match=first.headers["ETag"])
    assert (again.status_code, again.content) == (304, b"")
    api.post(f"renders/{pk}/cancel")
    assert api.get(f"renders/{pk}", If_None_Match=first.headers["ETag"]).status_code == 200
    stale = api.ask("DELETE", f"renders/{pk}", If_Match=first.headers["ETag"])
    assert (stale.status_code, stale.json()["code"]) == (412, "precondition_failed")
    assert api.ask("DELETE", f"renders/{pk}", If_Match=api.get(f"renders/{pk}").headers["ETag"]).status_code == 204


def test_waiting_ends_with_the_time_or_with_the_render(api: Caller, inputs: dict[str, str]) -> None:
    pk = api.post("renders", inputs).json()["id"]
    assert api.get(f"renders/{pk}?wait=1").json()["state"] == "queued"
    api.post(f"renders/{pk}/cancel")
    assert api.get(f"renders/{pk}?wait=60").json()["state"] == "cancelled"
    assert api.get(f"renders/{pk}?wait=61").status_code == 400


def test_a_batch_is_taken_whole_with_one_quote_and_one_status(api: Caller, inputs: dict[str, str]) -> None:
    items = [{**inputs, "reference": str(number)} for number in range(20)]
    quote = api.post("batches/quotes", {"items": items}).json()
    made = api.post("batches", {"items": items, "max_amount_micros": quote["ceiling"]["amount_micros"]})
    assert made.status_code == 201, made.content
    batch = made.json()
    assert (batch["size"], batch["states"]["queued"], batch["ended"]) == (20, 20, False)
    assert batch["ceiling"] == quote["ceiling"]
    assert api.get(f"batches/{batch['id']}").json() == batch
    assert api.get("batches").json()["data"] == [batch]
    assert len(api.get(f"renders?group={batch['id']}&limit=100").json()["data"]) == 20


def test_a_batch_may_have_a_thousand_items_and_not_one_more(api: Caller, inputs: dict[str, str], settings: Any) -> None:
    settings.DRAFTS_WAITING = settings.FREE_SECONDS_A_DAY = {"workspace": 0, "token": 0}
    posting.grant(api.token.workspace, 1_000 * CREDIT, key="for all of them", reason="a test")
    made = api.post("batches", {"items": [inputs] * 1_000})
    assert made.status_code == 201, made.content
    assert (made.json()["size"], made.json()["states"]["queued"]) == (1_000, 1_000)
    assert posting.balance(api.token.workspace).held_micros == made.json()["ceiling"]["amount_micros"]
    over = api.post("batches", {"items": [inputs] * 1_001})
    assert (over.status_code, over.json()["field"]) == (400, "items")
    assert Render.objects.count() == 1_000


def test_a_batch_with_bad_items_makes_nothing_and_names_each(api: Caller, inputs: dict[str, str]) -> None:
    items = [inputs, {**inputs, "voice": "upl_nobody"}, {**inputs, "portrait": inputs["voice"]}]
    answer = api.post("batches", {"items": items})
    found = [(item["index"], item["code"], item["field"]) for item in answer.json()["items"]]
    assert (answer.status_code, answer.json()["code"]) == (422, "batch_refused")
    assert found == [(1, "no_such_upload", "voice"), (2, "no_such_upload", "portrait")]
    models = api.post("batches", {"items": [inputs, {**inputs, "model": "sora"}]}).json()["items"]
    assert [(item["index"], item["code"]) for item in models] == [(1, "unknown_model")]
    assert not Render.objects.exists()
    assert not RenderGroup.objects.exists()


def test_a_batch_beyond_the_credit_makes_nothing(api: Caller, inputs: dict[str, str]) -> None:
    answer = api.post("batches", {"items": [inputs] * 200})
    assert (answer.status_code, answer.json()["code"]) == (402, "insufficient_credit")
    assert not Render.objects.exists()
    assert posting.balance(api.token.workspace).available_micros == CREDIT


@pytest.mark.parametrize("state", ["queued", "submitting", "ready", "failed"])
def test_a_render_is_given_as_its_shape_says(api: Caller, inputs: dict[str, str], state: str) -> None:
    row = Render.objects.get(pk=api.post("renders", {**inputs, "metadata": {"a": "b"}}).json()["id"])
    row.state, row.failure_code, row.finished_at = state, "timeout", timezone.now()
    row.tries, row.seed, row.nsfw_content = 2, 2**63 - 1, False
    if state == "ready":
        row.charge_micros, row.measured_ms, row.video, row.poster = 5, 8417, "w/x/video.mp4", "w/x/poster.jpg"
        row.options = {**row.options, "upload_endpoint": "https://bucket.example.org/x?signature=y"}
        row.delete_at = timezone.now()
    by_hand, by_shape = serialize_render(row), RenderSerializer().to_representation(row)
    assert list(by_hand.items()) == list(by_shape.items())


def test_a_mail_is_sent_only_to_who_asks_for_it(api: Caller, inputs: dict[str, str]) -> None:
    assert api.post("renders", inputs).status_code == 201
    assert api.post("renders", {**inputs, "notify": True}).status_code == 201
    assert api.post("batches", {"items": [inputs]}).status_code == 201
    assert api.post("batches", {"items": [inputs], "notify": True}).status_code == 201
    assert list(Render.objects.order_by("pk").values_list("notify", flat=True)) == [False, True, False, True]
    refused = api.post("renders", {**inputs, "notify": "please"})
    assert (refused.status_code, [error["field"] for error in refused.json()["errors"]]) == (400, ["notify"])


def test_what_is_the_customers_own_can_be_changed_and_nothing_else(api: Caller, inputs: dict[str, str]) -> None:
    made = api.post("renders", {**inputs, "metadata": {"a": "1"}, "reference": "old"}).json()
    path, change = f"renders/{made['id']}", {"title": "  Autumn  ", "metadata": {"b": "2"}}
    changed = api.ask("PATCH", path, change)
    assert changed.status_code == 200, changed.content
    assert changed.json() == made | {"title": "Autumn", "metadata": {"b": "2"}}
    assert api.ask("PATCH", path, change).json() == changed.json() == api.get(path).json()
    refused = [
        ({"title": " "}, 422, "title_missing"),
        ({"title": "x" * 121}, 400, "invalid_request"),
        ({"reference": "x" * 201}, 400, "invalid_request"),
        ({"metadata": {"n" * 41: "v"}}, 422, "metadata_too_long"),
        ({"metadata": {str(n): "v" for n in range(51)}}, 422, "metadata_too_large"),
        ({"model": "draft"}, 400, "invalid_request"),
    ]
    for body, status, code in refused:
        answer = api.ask("PATCH", path, body)
        assert (answer.status_code, answer.json()["code"]) == (status, code), body
    assert api.get(path).json() == changed.json()


def test_changing_takes_the_scope_and_the_render_as_it_was_read(
    cast: Cast, api: Caller, inputs: dict[str, str]
) -> None:
    made = api.post("renders", inputs).json()
    path = f"renders/{made['id']}"
    reader = caller(cast.workspace, cast.alice, "read")
    assert reader.ask("PATCH", path, {"title": "Mine"}).json()["code"] == "scope_missing"
    etag = api.get(path).headers["ETag"]
    assert api.ask("PATCH", path, {"title": "First"}, If_Match=etag).status_code == 200
    late = api.ask("PATCH", path, {"title": "Second"}, If_Match=etag)
    assert (late.status_code, late.json()["code"]) == (412, "precondition_failed")


def test_a_webhook_of_its_own_is_checked_echoed_by_a_quote_and_kept(api: Caller, inputs: dict[str, str]) -> None:
    address = "https://93.184.215.14/jobs?id=7"
    quoted = api.post("quotes", {**inputs, "webhook_url": f" {address} "}).json()
    assert quoted["webhook_url"] == address
    made = api.post("renders", {**inputs, "quote": quoted["id"], "webhook_url": address}).json()
    assert made["webhook_host"] == "93.184.215.14"
    event = Event.objects.get(subject=f"render:{made['id']}")
    assert (event.kind, event.also_to, event.also_by and event.also_by.url) == (
        "render.queued",
        address,
        "https://93.184.215.14",
    )
    again = Render.objects.get(pk=made["id"])
    assert again.webhook_url == address
    for refused in ("http://93.184.215.14/", "https://10.0.0.1/", "https://localhost/", "nowhere"):
        answer = api.post("renders", {**inputs, "webhook_url": refused})
        assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (
            422,
            "endpoint_refused",
            "webhook_url",
        ), refused


def test_the_address_of_a_batch_is_told_of_each_of_its_renders(api: Caller, inputs: dict[str, str]) -> None:
    asked = {"items": [inputs, inputs], "webhook_url": "https://93.184.215.14/batch"}
    quoted = api.post("batches/quotes", asked).json()
    assert quoted["webhook_url"] == asked["webhook_url"]
    made = api.post("batches", {**asked, "quote": quoted["id"]})
    assert made.status_code == 201, made.content
    rows = Render.objects.filter(group=made.json()["id"])
    assert [row.webhook_url for row in rows] == [asked["webhook_url"]] * 2


def test_renders_are_found_by_words_tags_notes_and_times(api: Caller, inputs: dict[str, str]) -> None:
    first = api.post("renders", {**inputs, "title": "Autumn", "tags": ["Spring  Sale", "b"], "metadata": {"7": "Käse"}})
    assert (first.status_code, first.json()["tags"]) == (201, ["b", "spring sale"])
    second = api.post("renders", {**inputs, "title": "Winter", "metadata": {"7": "käse", 'a"b': '": "', "n": "x"}})
    cut = quote(second.json()["created_at"])

    def titles(query: str) -> list[str]:
        answer = api.get(f"renders?{query}")
        assert answer.status_code == 200, answer.content
        return [one["title"] for one in answer.json()["data"]]

    assert titles("q=autumn+sale") == titles("tag=Spring+sale") == ["Autumn"]
    assert titles("q=kers") == titles("tag=spring") == titles("metadata[7]=K%C3%A4") == titles("metadata[n]=X") == []
    assert titles(f"{quote('metadata[7]')}={quote('Käse')}") == ["Autumn"]
    assert titles(f"{quote('metadata[7]')}={quote('käse')}&metadata[n]=x") == ["Winter"]
    assert titles(urlencode({'metadata[a"b]': '": "'})) == ["Winter"]
    assert (titles(f"created_after={cut}"), titles(f"created_before={cut}")) == (["Winter"], ["Autumn"])
    assert titles("state=queued") == ["Winter", "Autumn"]
    page = api.get("renders?q=e&limit=1").json()
    assert titles(f"q=e&limit=1&cursor={page['next_cursor']}") == ["Autumn"]
    many = "&".join(f"metadata[{n}]=1" for n in range(11))
    for query in (
        "metadata[a%00]=1",
        "metadata[a]=%00",
        "metadata=1",
        "metadata[]=1",
        "created_after=soon",
        "nonsense=1",
        "metadata[a]=1&metadata[a]=2",
        many,
    ):
        assert api.get(f"renders?{query}").status_code == 400, query


def test_tags_can_be_changed_and_follow_a_retry(api: Caller, inputs: dict[str, str]) -> None:
    made = api.post("renders", {**inputs, "tags": ["one"]}).json()
    path = f"renders/{made['id']}"
    assert api.ask("PATCH", path, {"tags": ["Two", "two", "three"]}).json()["tags"] == ["three", "two"]
    refused = api.ask("PATCH", path, {"title": "Never", "tags": ["a,b"]})
    assert (refused.status_code, refused.json()["code"], refused.json()["field"]) == (422, "bad_tag", "tags")
    assert (api.get(path).json()["title"], api.get(path).json()["tags"]) == (made["title"], ["three", "two"])
    assert api.post("renders", {**inputs, "tags": ["a,b"]}).json()["code"] == "bad_tag"
    api.post(f"{path}/cancel")
    assert api.post(f"{path}/retry").json()["tags"] == ["three", "two"]
