"""What the doors may not do: lead elsewhere, take what is not sold, lose or repeat anything."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from django.utils import timezone
from django_q.models import OrmQ
from django_q.signing import SignedPackage

from avatarsite.models import Alert
from avatarsite.queue.sweeping import is_due_soon, sweep, sweep_kind
from avatarsite.workspaces.models import Scope
from avatarsite.workspaces.tokens import make_token
from billing.budgets.budgets import set_budget
from billing.ledger import posting
from billing.prices import price_book
from studio.gateway import intake, webhooks
from studio.gateway.errors import GatewayError
from studio.gateway.intake import start_request
from studio.gateway.models import GatewayFile, GatewayRequest, GatewayWebhook, RequestState, WebhookState
from studio.library import delete_video
from studio.models import ProviderJob, Render, Upload
from studio.pipeline.submit import claim, record, send
from studio.pipeline.watch.loop import check_now, watch
from studio.providers import http
from tests.conftest import Cast
from tests.simulators import loopback
from tests.simulators.fixture import Inbox, Simulators, eventually
from tests.studio.gateway.conftest import Gateway
from tests.studio.gateway.driver import driver

pytest_plugins = ["tests.simulators.fixture"]
pytestmark = [pytest.mark.django_db(transaction=True)]
FAL = "fal-ai/kling-video/ai-avatar/v2/standard"
RUNWARE = "klingai:avatar@2.0-standard"


def fal(gateway: Gateway, method: str, path: str, *, key: str = "", **options: Any) -> httpx.Response:
    headers = {"Authorization": f"Key {key or gateway.key}"} | options.pop("headers", {})
    url = path if path.startswith("http") else f"{gateway.url}/compat/fal/{path}"
    return loopback.request(method, url, headers=headers, timeout=60, **options)


def runware(gateway: Gateway, *tasks: dict[str, Any], key: str = "") -> httpx.Response:
    headers = {"Authorization": f"Bearer {key or gateway.key}"}
    return loopback.post(f"{gateway.url}/compat/runware/v1", json=list(tasks), headers=headers, timeout=60)


def video(gateway: Gateway, **also: Any) -> dict[str, Any]:
    inputs = {"image": gateway.portrait, "audio": gateway.voice()}
    return {"taskType": "videoInference", "taskUUID": str(uuid4()), "model": RUNWARE, "inputs": inputs} | also


def arguments(gateway: Gateway, **also: Any) -> dict[str, Any]:
    return {"image_url": gateway.portrait, "audio_url": gateway.voice()} | also


def submitted(gateway: Gateway, **options: Any) -> dict[str, Any]:
    return dict(fal(gateway, "POST", FAL, json=arguments(gateway), **options).raise_for_status().json())


def stranger(cast: Cast) -> str:
    theirs = cast.charlie.workspaces.get()
    posting.grant(theirs, 5_000_000, key="charlie", reason="a test")
    return make_token(theirs, user=cast.charlie, name="Charlie's", scopes=list(Scope))[1]


def finished(gateway: Gateway) -> Render:
    return eventually(lambda: driver.turn() or Render.objects.filter(state="ready").first(), "the video")


def test_a_video_has_five_minutes_at_most(gateway: Gateway) -> None:
    job = fal(gateway, "POST", FAL, json=arguments(gateway, audio_url=gateway.voice(301_000))).raise_for_status().json()
    row = eventually(lambda: driver.turn() or GatewayRequest.objects.exclude(state=RequestState.FETCHING).first(), "it")
    assert (row.state, Render.objects.exists()) == (RequestState.REFUSED, False)
    answer = fal(gateway, "GET", job["response_url"])
    told = answer.json()["detail"][0]
    assert (answer.status_code, told["type"], told["ctx"]) == (422, "audio_duration_too_long", {"max_duration": 300})


def test_an_id_leads_only_to_its_own_workspace(gateway: Gateway, cast: Cast) -> None:
    charlie, job, task = stranger(cast), submitted(gateway), video(gateway)
    runware(gateway, task).raise_for_status()
    answers = [
        fal(gateway, "GET", job["status_url"], key=charlie),
        fal(gateway, "GET", job["response_url"], key=charlie),
        fal(gateway, "GET", job["status_url"] + "/stream", key=charlie),
        fal(gateway, "PUT", job["cancel_url"], key=charlie),
    ]
    assert [answer.status_code for answer in answers] == [404] * 4
    poll = {"taskType": "getResponse", "taskUUID": task["taskUUID"]}
    assert runware(gateway, poll, key=charlie).json() == {"data": []}
    details = runware(gateway, poll | {"taskType": "getTaskDetails"}, key=charlie)
    assert (details.status_code, details.json()["errors"][0]["code"]) == (404, "taskNotFound")
    # The id is the client's own choice, so another workspace may choose the same.
    assert runware(gateway, task, key=charlie).json()["data"][0]["taskUUID"] == task["taskUUID"]
    assert GatewayRequest.objects.filter(reference=task["taskUUID"]).count() == 2


def test_a_file_is_used_in_its_own_workspace_alone(gateway: Gateway, cast: Cast) -> None:
    store = {"taskType": "mediaStorage", "taskUUID": str(uuid4()), "operation": "upload", "media": gateway.portrait}
    stored = runware(gateway, store).json()["data"][0]
    charlie = stranger(cast)
    for image in (stored["mediaUUID"], stored["mediaURL"]):
        task = video(gateway, inputs={"image": image, "audio": gateway.voice()})
        runware(gateway, task, key=charlie).raise_for_status()
        poll = {"taskType": "getResponse", "taskUUID": task["taskUUID"]}
        error = runware(gateway, poll, key=charlie).json()["errors"][0]
        assert (error["code"], error["parameter"]) == ("downloadFailed", "inputs.image")
    gone = runware(gateway, store | {"operation": "delete", "media": stored["mediaUUID"]}, key=charlie)
    assert (gone.status_code, gone.json()["errors"][0]["code"]) == (404, "mediaNotFound")
    assert GatewayFile.objects.count() == 1


def test_a_video_link_needs_its_seal_and_ends_with_the_video(gateway: Gateway) -> None:
    job = submitted(gateway)
    render = finished(gateway)
    url = fal(gateway, "GET", job["response_url"]).json()["video"]["url"]
    assert fal(gateway, "GET", job["response_url"]).json()["video"]["url"] == url
    part = loopback.get(url, headers={"Range": "bytes=0-9"})
    assert (part.status_code, len(part.content), part.headers["Content-Type"]) == (206, 10, "video/mp4")
    seal = url.split("/")[-2]
    assert loopback.get(url.replace(seal, seal[::-1])).status_code == 404
    assert loopback.get(url.replace(".mp4", ".mov")).status_code == 404
    delete_video(render)
    assert (loopback.get(url).status_code, fal(gateway, "GET", job["status_url"]).status_code) == (404, 404)


@pytest.mark.parametrize("scope", [Scope.READ, Scope.BILLING])
def test_a_token_may_do_what_its_scopes_say(gateway: Gateway, scope: Scope) -> None:
    key = gateway.token(scope)
    told = [
        fal(gateway, "POST", FAL, key=key, json=arguments(gateway)).status_code,
        runware(gateway, video(gateway), key=key).status_code,
        fal(gateway, "GET", f"fal-ai/kling-video/requests/{uuid4()}/status", key=key).status_code,
    ]
    assert (told, GatewayRequest.objects.count()) == ([403, 403, 404 if scope == Scope.READ else 403], 0)


def test_what_there_is_no_key_for_is_not_available_in_each_protocols_words(gateway: Gateway, settings: Any) -> None:
    settings.RUNWARE_API_KEY = settings.FAL_KEY = settings.AIMLAPI_KEY = ""
    said = fal(gateway, "POST", FAL, json=arguments(gateway))
    assert (said.status_code, said.json()) == (404, {"detail": f"Application '{FAL}' not found"})
    error = runware(gateway, video(gateway)).json()["errors"][0]
    assert (error["code"], error["parameter"]) == ("modelUnavailable", "model")
    body = arguments(gateway, model="klingai/avatar-pro")
    headers = {"Authorization": f"Bearer {gateway.key}"}
    answer = loopback.post(f"{gateway.url}/compat/aimlapi/v2/video/generations", json=body, headers=headers)
    assert (answer.status_code, answer.json()["message"]) == (404, "Model klingai/avatar-pro not found")


def test_a_test_token_gets_drafts_and_moves_no_money(gateway: Gateway, settings: Any) -> None:
    settings.RUNWARE_API_KEY = settings.FAL_KEY = ""
    before = posting.balance(gateway.workspace)
    job = submitted(gateway, key=gateway.token(test=True))
    render = finished(gateway)
    assert (render.test, render.charge_micros, posting.balance(gateway.workspace)) == (True, 0, before)
    assert fal(gateway, "GET", job["response_url"]).json()["duration"] == (render.measured_ms or 0) / 1000


def test_a_cap_is_told_in_the_protocols_words(gateway: Gateway) -> None:
    set_budget(gateway.workspace, "workspace", 10_000, user=gateway.owner)
    job = submitted(gateway)
    answer = eventually(lambda: _over(fal(gateway, "GET", job["response_url"])), "the end")
    assert (answer.status_code, "Reason: Budget reached. " in answer.json()["detail"]) == (403, True)
    task = video(gateway)
    runware(gateway, task)
    error = runware(gateway, {"taskType": "getResponse", "taskUUID": task["taskUUID"]}).json()["errors"][0]
    assert (error["code"], Render.objects.count()) == ("quotaExceeded", 0)


def _over(answer: httpx.Response) -> httpx.Response | None:
    return None if answer.status_code == 400 else answer


@pytest.mark.usefixtures("in_no_hurry")
def test_a_start_may_run_twice_late_or_after_a_crash(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    submitted(gateway)
    row = GatewayRequest.objects.get()

    def die(*_: Any, **__: Any) -> None:
        raise RuntimeError("the worker was killed")

    with monkeypatch.context() as patched:
        patched.setattr(intake, "take", die)
        with pytest.raises(RuntimeError):
            start_request(row.pk)
    row.refresh_from_db()
    assert (row.state, row.tries, Render.objects.count(), Upload.objects.count()) == (RequestState.FETCHING, 1, 0, 2)
    assert start_request(row.pk) is False  # somebody may still be at it
    GatewayRequest.objects.update(next_try_at=timezone.now())
    assert sweep()["gateway_request"] == 1
    assert [start_request(row.pk), start_request(row.pk)] == [True, False]
    row.refresh_from_db()
    assert (row.state, row.render, Render.objects.count()) == (RequestState.SUBMITTED, Render.objects.get(), 1)


@pytest.mark.usefixtures("in_no_hurry")
def test_a_worker_that_dies_each_time_ends_the_request(gateway: Gateway) -> None:
    job = submitted(gateway)
    GatewayRequest.objects.update(tries=intake.MAX_TRIES)
    assert start_request(GatewayRequest.objects.get().pk) is True
    assert fal(gateway, "GET", job["response_url"]).status_code == 500


@pytest.mark.usefixtures("in_no_hurry")
def test_what_has_not_begun_in_the_clients_time_is_given_up(gateway: Gateway, inbox: Inbox) -> None:
    headers = {"X-Fal-Request-Timeout": "30"}
    hook = {"fal_webhook": inbox.url}
    jobs = [submitted(gateway, headers=headers, params=hook) for _ in range(2)]
    start_request(GatewayRequest.objects.order_by("pk")[0].pk)  # this one is queued, with money on hold
    GatewayRequest.objects.update(start_by=timezone.now() - timedelta(seconds=1))
    assert sweep()["late_request"] == 2
    for job in jobs:
        over = fal(gateway, "GET", job["status_url"])
        assert (over.status_code, over.json()["error_type"]) == (200, "request_timeout")
        answer = fal(gateway, "GET", job["response_url"])
        assert (answer.status_code, answer.headers["X-Fal-Request-Timeout-Type"]) == (504, "user")
    assert posting.balance(gateway.workspace).held_micros == 0
    assert GatewayWebhook.objects.count() == 2


def late() -> None:
    limited = GatewayRequest.objects.filter(start_by__isnull=False)
    assert limited.update(start_by=timezone.now() - timedelta(seconds=1)) == 1


def test_a_time_that_passes_after_the_end_changes_nothing(gateway: Gateway) -> None:
    job = submitted(gateway, headers={"X-Fal-Request-Timeout": "30"})
    finished(gateway)
    late()
    codes = [fal(gateway, *ask).status_code for ask in (("GET", job["status_url"]), ("GET", job["response_url"]))]
    assert (codes, fal(gateway, "PUT", job["cancel_url"]).json()) == ([200, 200], {"status": "ALREADY_COMPLETED"})
    assert (sweep()["late_request"], GatewayRequest.objects.get().start_by) == (0, None)
    assert not Alert.objects.exists()


@pytest.mark.parametrize("state", ["submitting", "rendering", "ingesting"])
def test_what_a_provider_may_have_goes_on_and_is_paid_for_once(
    state: str, gateway: Gateway, simulators: Simulators, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(driver, "stopped", True)
        job = submitted(gateway, headers={"X-Fal-Request-Timeout": "30"})
        other = submitted(gateway)
        start_request(GatewayRequest.objects.get(reference=job["request_id"]).pk)
        render = Render.objects.get()
        claimed = claim(render.pk)
        assert claimed is not None
        if state != "submitting":
            assert record(claimed, http.run(send, claimed)) is True
        if state == "ingesting":
            eventually(lambda: [check_now(render.jobs.get()), Render.objects.get().state][1] == state, "the video")
        late()
        found = sweep()
        assert (Render.objects.get().state, found["late_request"], found["gateway_request"]) == (state, 0, 1)
        # In doubt it's looked at again; what a provider has is never given up any more.
        assert (GatewayRequest.objects.get(reference=job["request_id"]).start_by is None) == (state != "submitting")
        assert posting.balance(gateway.workspace).held_micros == render.ceiling_micros
        if state == "submitting":
            assert record(claimed, http.run(send, claimed)) is True
            assert (sweep()["late_request"], GatewayRequest.objects.filter(start_by=None).count()) == (0, 2)
    for each in (job, other):
        result = eventually(lambda url=each["response_url"]: _video(fal(gateway, "GET", url)), "the video")
        assert result["url"]
    assert Render.objects.filter(state="ready").count() == 2
    assert not Alert.objects.exists()


def _video(answer: httpx.Response) -> Any:
    return answer.json()["video"] if answer.status_code == 200 else None


def test_what_the_provider_turned_away_after_the_time_is_given_up(gateway: Gateway, simulators: Simulators) -> None:
    job = submitted(gateway, headers={"X-Fal-Request-Timeout": "30", "X-Fal-No-Retry": "1"})
    simulators.fal.fault("rate_limit", route="submit")
    simulators.runware.fault("rate_limit", route="submit")
    eventually(lambda: driver.turn() or ProviderJob.objects.filter(outcome="rejected").exists(), "the refusal")
    assert Render.objects.get().state == "queued"
    late()
    answer = fal(gateway, "GET", job["response_url"])
    assert (answer.status_code, answer.headers["X-Fal-Request-Timeout-Type"]) == (504, "user")
    assert (Render.objects.get().state, posting.balance(gateway.workspace).held_micros) == ("cancelled", 0)


@pytest.mark.usefixtures("in_no_hurry")
def test_the_watch_sends_a_webhook_again_when_it_is_due(
    gateway: Gateway, inbox: Inbox, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not the sweep, which comes by once a minute: the first wait is of seven seconds, here of one."""
    monkeypatch.setattr(webhooks, "INITIAL_WAIT", 1)
    inbox.answers.extend([500])
    row = GatewayRequest.objects.create(
        workspace=gateway.workspace, protocol="fal", reference="r", model=FAL, state=RequestState.REFUSED,
        error=GatewayError("worker").stored(), webhook_url=inbox.url, webhook_pending=True,
    )  # fmt: skip
    assert webhooks.create_webhooks(row) == 1
    OrmQ.objects.all().delete()
    webhook = GatewayWebhook.objects.get()
    assert webhooks.deliver_webhook(webhook.pk) is False
    assert [SignedPackage.loads(task.payload)["func"] for task in OrmQ.objects.all()] == ["studio.tasks.watch"]
    began = timezone.now()
    watch(run_seconds=20.0)
    assert (timezone.now() - began).total_seconds() < 15
    driver._tasks()
    webhook.refresh_from_db()
    assert (webhook.state, webhook.tries, is_due_soon(timedelta(minutes=1))) == ("delivered", 2, False)


@pytest.mark.parametrize(
    "header",
    [
        {"X-Fal-Request-Timeout": "soon"},
        {"X-Fal-Request-Timeout": "-1"},
        {"X-Fal-Queue-Priority": "high"},
        {"X-Fal-Object-Lifecycle-Preference": "[]"},
        {"X-Fal-Object-Lifecycle-Preference": '{"expiration_duration_seconds": 5}'},
    ],
)
def test_a_header_that_cannot_be_is_refused(gateway: Gateway, header: dict[str, str]) -> None:
    answer = fal(gateway, "POST", FAL, json=arguments(gateway), headers=header)
    assert (answer.status_code, next(iter(header)) in answer.json()["detail"]) == (400, True)


def test_headers_are_honoured(gateway: Gateway) -> None:
    life = '{"expiration_duration_seconds": 3600}'
    headers = {"X-Fal-Object-Lifecycle-Preference": life, "X-Fal-No-Retry": "1", "X-Fal-Store-IO": "0"}
    submitted(gateway, headers=headers)
    driver.turn()
    row = GatewayRequest.objects.select_related("render").get()
    assert row.render is not None
    assert (row.body, row.render.options["ttl_seconds"], row.render.fallbacks) == ({}, 3600, [])


@pytest.mark.parametrize(
    "body", [b"", b"{", b'"x"', b'{"image_url": "a\\u0000", "audio_url": "b"}', b'{"a": "\\ud800"}']
)
def test_no_body_breaks_a_door(gateway: Gateway, body: bytes) -> None:
    answers = [
        fal(gateway, "POST", FAL, content=body).status_code,
        loopback.post(
            f"{gateway.url}/compat/runware/v1", content=body, headers={"Authorization": f"Bearer {gateway.key}"}
        ).status_code,
        loopback.post(
            f"{gateway.url}/compat/aimlapi/v2/video/generations",
            content=body,
            headers={"Authorization": f"Bearer {gateway.key}"},
        ).status_code,
    ]
    assert answers == [200, 400, 400]  # fal tells what is wrong with arguments as the result


def test_a_webhook_is_sent_until_it_is_taken(gateway: Gateway, inbox: Inbox) -> None:
    inbox.answers.extend([500, 503])
    submitted(gateway, params={"fal_webhook": f"{inbox.url}/hook"})
    for tries in (1, 2, 3):
        inbox.wait(tries)
        webhook = GatewayWebhook.objects.get()
        assert webhook.tries == tries
        GatewayWebhook.objects.update(next_try_at=timezone.now())
        assert sweep()["gateway_webhook"] == (0 if webhook.state == WebhookState.DELIVERED else 1)
    assert (GatewayWebhook.objects.get().state, len({seen.body for seen in inbox.letters})) == ("delivered", 1)


def test_a_webhook_never_goes_where_the_public_cannot_look(gateway: Gateway) -> None:
    submitted(gateway, params={"fal_webhook": "http://hook.example.com:9/hook"})
    # What was taken before is held to the rules as they are now.
    GatewayRequest.objects.update(webhook_url="http://127.0.0.1:9/hook")
    finished(gateway)
    webhook = eventually(lambda: driver.turn() or GatewayWebhook.objects.exclude(state="waiting").first(), "the end")
    assert (webhook.state, webhook.tries, "public address" in webhook.last_answer) == (WebhookState.GIVEN_UP, 1, True)


def test_a_forgotten_webhook_is_found(gateway: Gateway, inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(webhooks, "notify_client", lambda _: 0)
        submitted(gateway, params={"fal_webhook": inbox.url})
        finished(gateway)
        driver.turn()
    assert (GatewayWebhook.objects.count(), sweep()["unwritten_webhooks"], len(inbox.wait(1))) == (0, 1, 1)


def test_files_that_were_put_here_expire(gateway: Gateway) -> None:
    store = {"taskType": "mediaStorage", "taskUUID": str(uuid4()), "operation": "upload", "media": gateway.portrait}
    link = runware(gateway, store).json()["data"][0]["mediaURL"]
    assert (loopback.get(link).status_code, sweep_kind("gateway_file")) == (200, 0)
    GatewayFile.objects.update(expires_at=timezone.now())
    assert (loopback.get(link).status_code, sweep_kind("gateway_file"), GatewayFile.objects.count()) == (404, 1, 0)


def test_a_file_that_a_browser_would_run_is_saved_instead(gateway: Gateway) -> None:
    url = f"{gateway.url}/compat/fal/rest/storage/auth/token?storage_type=fal-cdn-v3"
    token = loopback.post(url, json={}, headers={"Authorization": f"Key {gateway.key}"}).json()["token"]
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "text/html", "X-Fal-File-Name": "x.html"}
    answer = loopback.post(
        f"{gateway.url}/compat/fal/cdn/files/upload", content=b"<script>alert(1)</script>", headers=headers
    )
    served = loopback.get(answer.json()["access_url"])
    assert (served.headers["Content-Type"], served.headers["Content-Disposition"].partition(";")[0]) == (
        "application/octet-stream",
        "attachment",
    )


def test_a_failure_of_one_take_leaves_the_others(gateway: Gateway, simulators: Simulators) -> None:
    simulators.runware.fault("fail", times=1)
    task = video(gateway, numberResults=2, includeCost=True)
    runware(gateway, task).raise_for_status()
    poll = {"taskType": "getResponse", "taskUUID": task["taskUUID"]}

    def over() -> dict[str, Any] | None:
        body = dict(runware(gateway, poll).json())
        return body if [item["status"] for item in body["data"]] == ["success"] else None

    body = eventually(over, "the end of both")
    assert [error["code"] for error in body["errors"]] == ["providerError"]
    assert body["data"][0]["cost"] == 0.176


@pytest.mark.usefixtures("one_minute")
def test_a_token_that_asks_too_often_is_told_so_in_each_protocols_words(gateway: Gateway, settings: Any) -> None:
    settings.API_WRITES_PER_MINUTE = 1
    submitted(gateway)
    answers = [
        fal(gateway, "POST", FAL, json=arguments(gateway)),
        runware(gateway, video(gateway)),
        loopback.post(
            f"{gateway.url}/compat/aimlapi/v2/video/generations", headers={"Authorization": f"Bearer {gateway.key}"}
        ),
    ]
    assert [(answer.status_code, int(answer.headers["Retry-After"]) > 0) for answer in answers] == [(429, True)] * 3
    assert runware(gateway, {"taskType": "getResponse", "taskUUID": str(uuid4())}).status_code == 200


@pytest.mark.usefixtures("in_no_hurry")
@pytest.mark.parametrize(
    "host", ["xn--", "127.0.0.1.", "127.0.0.1", "a..example.com", "[fec0::1]", "0x7f.1", "localhost."]
)
def test_a_webhook_that_could_never_be_sent_is_refused_when_it_is_named(gateway: Gateway, host: str) -> None:
    hook = f"http://{host}/hook"
    said = fal(gateway, "POST", f"{FAL}?fal_webhook={hook}", json=arguments(gateway))
    assert (said.status_code, said.json()["detail"].partition(":")[0]) == (
        422,
        "fal_webhook must be an http or https address that we can reach",
    )
    for name in ("webhookURL", "uploadEndpoint"):
        error = runware(gateway, video(gateway) | {name: hook.replace("http:", "https:")}).json()["errors"][0]
        assert (error["code"], error["parameter"]) == (f"invalid{name[0].upper()}{name[1:]}", name)
    assert GatewayRequest.objects.count() == 0


@pytest.mark.usefixtures("in_no_hurry")
def test_white_space_around_an_address_is_no_part_of_it(gateway: Gateway) -> None:
    hook = "https://hooks.example.com/in"
    spaced = {name: f" \n{url}\t " for name, url in arguments(gateway).items()}
    fal(gateway, "POST", FAL, json=spaced, params={"fal_webhook": f" {hook} "}).raise_for_status()
    inputs = {"image": f" {gateway.portrait}\n", "audio": gateway.voice()}
    runware(
        gateway, video(gateway, inputs=inputs, webhookURL=f"{hook}\n", uploadEndpoint=f"{hook} ")
    ).raise_for_status()
    rows = GatewayRequest.objects.order_by("pk")
    assert [row.webhook_url for row in rows] == [hook, hook]
    assert [start_request(row.pk) for row in rows] == [True, True]
    assert [render.options["upload_endpoint"] for render in Render.objects.order_by("pk")] == ["", hook]


def test_media_at_a_host_that_is_none_are_refused_and_never_a_breakdown(gateway: Gateway) -> None:
    job = fal(gateway, "POST", FAL, json=arguments(gateway, image_url="https://xn--/face.jpg")).json()
    answer = eventually(lambda: _over(fal(gateway, "GET", job["response_url"])), "the end")
    entry = answer.json()["detail"][0]
    assert (answer.status_code, entry["type"], entry["loc"]) == (422, "file_download_error", ["body", "image_url"])
    store = {"taskType": "mediaStorage", "taskUUID": str(uuid4()), "operation": "upload", "media": "https://xn--/a.jpg"}
    error = runware(gateway, store).json()["errors"][0]
    assert (error["code"], "begins with xn--" in error["message"]) == ("downloadFailed", True)


@pytest.mark.parametrize(("safety", "told"), [({}, None), ({"mode": "fast"}, False), ({"checkContent": True}, False)])
def test_what_the_provider_tells_of_a_video_is_told_on(
    gateway: Gateway, safety: dict[str, Any], told: bool | None
) -> None:
    task = video(gateway) | ({"safety": safety} if safety else {})
    runware(gateway, task)
    render = finished(gateway)
    item = runware(gateway, {"taskType": "getResponse", "taskUUID": task["taskUUID"]}).json()["data"][0]
    answer = loopback.get(
        f"{gateway.url}/api/v1/renders/{render.pk}", headers={"Authorization": f"Bearer {gateway.key}"}
    ).json()
    assert (type(render.seed), item["seed"], answer["seed"]) == (int, render.seed, render.seed)
    assert (item.get("NSFWContent"), answer["nsfw_content"]) == (told, told)


def test_a_video_that_the_check_has_marked_says_so(gateway: Gateway, simulators: Simulators) -> None:
    simulators.runware.fault("moderated", shape="flag")
    task = video(gateway) | {"safety": {"mode": "fast"}}
    runware(gateway, task)
    render = finished(gateway)
    item = runware(gateway, {"taskType": "getResponse", "taskUUID": task["taskUUID"]}).json()["data"][0]
    assert (render.nsfw_content, render.state, item["NSFWContent"]) == (True, "ready", True)
    assert loopback.get(item["videoURL"]).status_code == 200


CHECKED = {"X-Content-Check": "fast", "X-If-Flagged": "withhold"}


@pytest.mark.parametrize("protocol", ["runware", "fal", "aimlapi"])
def test_a_marked_video_is_withheld_in_each_protocol_until_it_is_released(
    gateway: Gateway, simulators: Simulators, settings: Any, protocol: str
) -> None:
    """Whoever makes it: Runware marks it itself, and of what comes from the others we mark anything."""
    simulators.runware.fault("moderated", shape="flag")
    settings.CONTENT_CHECK_THRESHOLD = 0.0001
    price_book.set_price("local:draft", cost_micros_per_second=0, price_micros_per_second=10_000, source="a test")
    ask = {"runware": _withheld_by_runware, "fal": _withheld_by_fal, "aimlapi": _withheld_by_aimlapi}[protocol]
    told = ask(gateway)
    render = Render.objects.get()
    assert (render.state, render.nsfw_content, render.withheld_for) == ("ready", True, "flagged")
    assert (render.charge_micros or 0) > 0
    refused = told()
    assert "withheld, as was asked for" in str(refused)
    head = {"Authorization": f"Bearer {gateway.key}"}
    assert loopback.post(f"{gateway.url}/api/v1/renders/{render.pk}/release", headers=head).json()["withheld"] is None
    released = told()
    link = next(word for word in str(released).split("'") if "/compat/videos/" in word)
    assert loopback.get(link).status_code == 200
    Render.objects.update(withheld_at=timezone.now(), withheld_for="operator")
    assert loopback.get(link).status_code == 404


def _withheld_by_runware(gateway: Gateway) -> Callable[[], Any]:
    task = video(gateway, includeCost=True, safety={"mode": "fast", "ifFlagged": "withhold"})
    runware(gateway, task)
    render = finished(gateway)

    def told() -> Any:
        answer = runware(gateway, {"taskType": "getResponse", "taskUUID": task["taskUUID"]}).json()
        for error in answer.get("errors", ()):
            assert (error["code"], error["NSFWContent"]) == ("contentPolicyViolation", True)
            assert error["cost"] == (render.charge_micros or 0) / 1_000_000
        return answer

    return told


def _withheld_by_fal(gateway: Gateway) -> Callable[[], Any]:
    job = fal(gateway, "POST", FAL, json=arguments(gateway), headers=CHECKED).json()
    finished(gateway)

    def told() -> Any:
        answer = fal(gateway, "GET", job["response_url"])
        body = answer.json()
        if answer.status_code != 200:
            assert (answer.status_code, body["detail"][0]["type"]) == (422, "content_policy_violation")
        else:
            assert body["has_nsfw_concepts"] == [True]
        return body

    return told


def _withheld_by_aimlapi(gateway: Gateway) -> Callable[[], Any]:
    asked = {"model": "avatar-studio/draft", **arguments(gateway)}
    head = {"Authorization": f"Bearer {gateway.key}"}
    address = f"{gateway.url}/compat/aimlapi/v2/video/generations"
    job = loopback.post(address, json=asked, headers=head | CHECKED).json()
    finished(gateway)

    def told() -> Any:
        body = loopback.get(address, params={"generation_id": job["id"]}, headers=head).json()
        assert body["nsfw_content"] is True
        assert body["meta"]["usage"]["credits_used"] > 0
        assert body["status"] == ("error" if body["error"] else "completed")
        return body

    return told


@pytest.mark.parametrize("header", ["X-Content-Check", "X-If-Flagged"])
def test_a_header_that_says_nothing_known_is_refused(gateway: Gateway, header: str) -> None:
    refused = fal(gateway, "POST", FAL, json=arguments(gateway), headers={header: "maybe"})
    assert (refused.status_code, header in refused.json()["detail"]) == (400, True)
