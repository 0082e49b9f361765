"""What the sockets' connections are pushed, and when they are let go: with short times, in this process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connections
from django.utils import timezone

from avatarsite.models import Alert
from avatarsite.workspaces.models import Scope, User, Workspace
from avatarsite.workspaces.tokens import make_token
from studio.gateway.models import GatewayRequest, Protocol, RequestState
from studio.gateway.runware import frames, hub, socket
from studio.gateway.runware.pushes import MAX_PUSHES, Push, dead_tokens, forget, pushes
from tests.conftest import Cast

pytestmark = [pytest.mark.django_db(transaction=True)]
SESSION = UUID("f40c2aeb-f8a7-4af7-a1ab-7594c9bf778f")
PING = json.dumps([{"taskType": "ping", "ping": True}])


@pytest.fixture(autouse=True)
def _a_hubs_threads_keep_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hub of a test goes with its threads, and PostgreSQL's connections would be left open by them."""
    monkeypatch.setitem(connections.settings["default"], "CONN_MAX_AGE", 0)


def new_request(workspace: Workspace, session: UUID, state: RequestState = RequestState.REFUSED) -> str:
    row = GatewayRequest.objects.create(
        workspace=workspace, protocol=Protocol.RUNWARE, reference=str(uuid4()), model="m", session=session, state=state
    )
    return row.pk


def key_of(workspace: Workspace, user: User, *scopes: Scope) -> str:
    return make_token(workspace, user=user, name="A client", scopes=scopes or list(Scope))[1]


# --- What there is to tell


def test_one_look_tells_each_session_of_its_own_and_of_at_most_twenty(cast: Cast) -> None:
    quiet, stranger = uuid4(), cast.charlie.workspaces.get()
    mine = [new_request(cast.workspace, SESSION) for _ in range(MAX_PUSHES + 5)]
    one, foreign = new_request(cast.workspace, quiet), new_request(stranger, SESSION)
    new_request(cast.workspace, SESSION, RequestState.FETCHING)
    new_request(cast.workspace, uuid4())
    found = pushes([SESSION, quiet], [])
    assert [push.request_id for push in found] == [*mine[:MAX_PUSHES], one, foreign]
    delivered = [push.request_id for push in found]
    assert [push.request_id for push in pushes([SESSION, quiet], delivered)] == mine[MAX_PUSHES:]
    forget(mine)
    assert {push.request_id for push in pushes([SESSION, quiet], [])} == {one, foreign}


def test_a_request_whose_video_was_deleted_is_over_and_has_nothing(cast: Cast) -> None:
    gone = new_request(cast.workspace, SESSION, RequestState.SUBMITTED)
    assert pushes([SESSION], []) == [Push(gone, SESSION, cast.workspace.pk, [])]


def test_a_row_that_can_not_be_told_is_an_alert_and_all_others_are_told(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, poisoned, last = (new_request(cast.workspace, SESSION) for _ in range(3))

    def broken(row: GatewayRequest) -> None:
        if row.pk == poisoned:
            raise ValueError("poisoned")

    monkeypatch.setattr("studio.gateway.runware.pushes.status_of", broken)
    assert [push.request_id for push in pushes([SESSION], [])] == [first, last]
    assert [poisoned in alert.message for alert in Alert.objects.filter(closed_at=None)] == [True]


def test_a_dead_token_is_one_that_is_revoked_expired_or_gone(cast: Cast) -> None:
    tokens = [make_token(cast.workspace, user=cast.alice, name=str(n), scopes=list(Scope))[0] for n in range(3)]
    now = timezone.now()
    type(tokens[0]).objects.filter(pk=tokens[0].pk).update(revoked_at=now)
    type(tokens[1]).objects.filter(pk=tokens[1].pk).update(expires_at=now)
    wanted = {token.pk for token in tokens} | {"tok_gone"}
    assert dead_tokens(wanted) == wanted - {tokens[2].pk}


# --- Who gets a push, and how long


class Listener:
    """A connection that takes all that is pushed, unless it is deaf."""

    def __init__(self, who: frames.Known, *, deaf: bool = False) -> None:
        self.known: frames.Known | None = who
        self.delivered: dict[str, float] = {}
        self.heard: list[str] = []
        self.closed = ""
        self.deaf = deaf

    async def push(self, push: Push) -> None:
        self.heard.append(push.request_id)
        if not self.deaf:
            self.delivered[push.request_id] = asyncio.get_running_loop().time()

    async def close(self, reason: str) -> None:
        self.closed = reason


def in_hub(work: Callable[[hub.Hub], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        async with asyncio.timeout(20):
            await work(hub.Hub())

    asyncio.run(main())


async def until(true: Callable[[], Any]) -> None:
    while not true():  # noqa: ASYNC110 -- what is waited for is another's
        await asyncio.sleep(0.01)


@pytest.fixture
def brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(hub, "SURE_SECONDS", 0.2)


def known(key: str) -> frames.Known:
    text = [{"taskType": "authentication", "apiKey": key, "connectionSessionUUID": str(SESSION)}]
    who, said = frames.converse(json.dumps(text), None)
    assert who is not None
    assert said[0]["data"][0]["connectionSessionUUID"] == str(SESSION)
    return who


@pytest.mark.usefixtures("brisk")
def test_a_request_leaves_its_session_when_it_was_surely_told_of(cast: Cast) -> None:
    row = new_request(cast.workspace, SESSION)
    who = known(key_of(cast.workspace, cast.alice))
    deaf, well = Listener(who, deaf=True), Listener(who)

    async def work(here: hub.Hub) -> None:
        here.enter(deaf)
        await until(lambda: len(deaf.heard) > 3)
        here.enter(well)
        await until(lambda: not pending())
        here.leave(deaf)
        here.leave(well)

    def pending() -> bool:
        return bool(well.delivered) or not well.heard

    in_hub(work)
    assert (well.heard, well.delivered) == ([row], {})
    assert GatewayRequest.objects.get(pk=row).session is None


@pytest.mark.usefixtures("brisk")
def test_nobody_else_is_told_of_it(cast: Cast) -> None:
    row = new_request(cast.workspace, SESSION)
    reader = known(key_of(cast.workspace, cast.alice))
    blind = known(key_of(cast.workspace, cast.alice, Scope.BILLING))
    stranger = known(key_of(cast.charlie.workspaces.get(), cast.charlie))
    listeners = [Listener(who) for who in (reader, blind, stranger)]

    async def work(here: hub.Hub) -> None:
        for each in listeners:
            here.enter(each)
        await until(lambda: listeners[0].heard)
        await asyncio.sleep(0.1)
        for each in listeners:
            here.leave(each)

    in_hub(work)
    assert [each.heard for each in listeners] == [[row], [], []]


# --- When a connection is let go


class Wire:
    """The two ends that an ASGI server gives."""

    def __init__(self) -> None:
        self.incoming: asyncio.Queue[Any] = asyncio.Queue()
        self.sent: list[Any] = []

    async def send(self, message: Any) -> None:
        self.sent.append(message)

    def say(self, text: str) -> None:
        self.incoming.put_nowait({"type": "websocket.receive", "text": text})


def serving(say: Callable[[Wire], Coroutine[Any, Any, None]]) -> list[Any]:
    """What is sent to a client that says this, until it is let go."""
    wire = Wire()

    async def main() -> None:
        wire.incoming.put_nowait({"type": "websocket.connect"})
        async with asyncio.timeout(20):
            served = asyncio.create_task(socket.serve(wire.incoming.get, wire.send))
            await say(wire)
            await served

    asyncio.run(main())
    return wire.sent


VIDEO = {"taskType": "videoInference", "taskUUID": "a-task", "status": "success", "videoUUID": "a-video"}
QUESTION = json.dumps([{"taskType": "getResponse", "taskUUID": "a-task"}])


class SlowHub(hub.Hub):
    """Lets everybody in, and answers any other frame with the video once it may."""

    def __init__(self) -> None:
        super().__init__()
        self.connections: list[Any] = []
        self.asked, self.may_answer = asyncio.Event(), asyncio.Event()

    def enter(self, connection: hub.Listener) -> None:
        self.connections.append(connection)

    async def in_thread(self, _workspace_id: str, _work: Callable[..., Any], *given: Any) -> Any:
        if given[1] is None:
            return frames.Known("secret", "tok_1", "ws_1", SESSION, gets_pushes=True), []
        self.asked.set()
        await self.may_answer.wait()
        return given[1], [{"data": [VIDEO]}]


@pytest.mark.parametrize("is_asked_for", [False, True])
def test_a_video_is_sent_once_though_it_is_asked_for_when_it_would_be_pushed(
    monkeypatch: pytest.MonkeyPatch, is_asked_for: bool
) -> None:
    """@runware/sdk-js gives its caller all that has come for a task, when it has asked."""
    here, counted = SlowHub(), []
    monkeypatch.setattr(socket, "hub", here)
    monkeypatch.setattr(socket, "IDLE_SECONDS", 2.0)

    async def look() -> None:
        await here.connections[0].push(Push("gwr_1", SESSION, "ws_1", [VIDEO]))
        counted.append(list(here.connections[0].delivered))

    async def talk(wire: Wire) -> None:
        wire.say(json.dumps([{"taskType": "authentication", "apiKey": "secret"}]))
        await until(lambda: here.connections and here.connections[0].known)
        if is_asked_for:
            wire.say(QUESTION)
            await here.asked.wait()
            await look()
            here.may_answer.set()
            await until(lambda: len(wire.sent) > 1)
        await look()

    sent = serving(talk)
    assert [json.loads(message["text"]) for message in sent[1:-1]] == [{"data": [VIDEO]}]
    assert counted == ([[], ["gwr_1"]] if is_asked_for else [["gwr_1"]])


@pytest.fixture
def fresh_hub(monkeypatch: pytest.MonkeyPatch) -> hub.Hub:
    made = hub.Hub()
    monkeypatch.setattr(socket, "hub", made)
    return made


@pytest.mark.usefixtures("fresh_hub")
@pytest.mark.parametrize(("limit", "reason"), [("KEY_SECONDS", "No key came."), ("IDLE_SECONDS", "No key came.")])
def test_a_stranger_is_let_go(monkeypatch: pytest.MonkeyPatch, limit: str, reason: str) -> None:
    monkeypatch.setattr(socket, limit, 0.1)

    async def nothing(_wire: Wire) -> None:
        return None

    assert serving(nothing) == [
        {"type": "websocket.accept"}, {"type": "websocket.close", "code": 1000, "reason": reason},
    ]  # fmt: skip


@pytest.mark.usefixtures("fresh_hub")
def test_whoever_is_silent_is_let_go_and_a_ping_is_not_silence(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "IDLE_SECONDS", 3.0)
    key = key_of(cast.workspace, cast.alice)

    async def ping_for_a_while(wire: Wire) -> None:
        wire.say(json.dumps([{"taskType": "authentication", "apiKey": key}]))
        await until(lambda: len(wire.sent) > 1)
        for _ in range(4):
            await asyncio.sleep(1)
            wire.say(PING)

    sent = serving(ping_for_a_while)
    assert [json.loads(message["text"]) for message in sent[2:-1]] == [frames.PONG] * 4
    assert sent[-1] == {"type": "websocket.close", "code": 1000, "reason": "Nothing came for too long."}


@pytest.mark.usefixtures("fresh_hub")
def test_a_crowd_of_strangers_is_turned_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "STRANGERS", 0)

    async def nothing(_wire: Wire) -> None:
        return None

    assert serving(nothing) == [{"type": "websocket.close"}]


@pytest.mark.usefixtures("fresh_hub")
def test_a_frame_that_finds_no_place_is_refused_by_its_task(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "FRAMES_AT_ONCE", 0)
    monkeypatch.setattr(socket, "PLACE_SECONDS", 0.05)
    monkeypatch.setattr(socket, "IDLE_SECONDS", 1.0)
    key, task = key_of(cast.workspace, cast.alice), {"taskType": "getResponse", "taskUUID": str(uuid4())}

    async def ask(wire: Wire) -> None:
        wire.say(json.dumps([{"taskType": "authentication", "apiKey": key}]))
        wire.say(json.dumps([task]))

    (error,) = json.loads(serving(ask)[2]["text"])["errors"]
    assert (error["code"], error["taskUUID"], error["taskType"]) == (
        "rateLimitExceeded",
        task["taskUUID"],
        "getResponse",
    )


def test_the_allowance_of_requests_is_told_to_each_task(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    who = known(key_of(cast.workspace, cast.alice))
    monkeypatch.setattr("avatarsite.api.throttles.TokenThrottle.allow_request", lambda *_: False)
    monkeypatch.setattr("avatarsite.api.throttles.TokenThrottle.wait", lambda _: 3.0)
    wanted = [{"taskType": "getResponse", "taskUUID": str(uuid4())} for _ in range(2)]
    after, said = frames.converse(json.dumps(wanted), who)
    assert after == who
    assert [(frame["errors"][0]["code"], frame["errors"][0]["taskUUID"]) for frame in said] == [
        ("rateLimitExceeded", task["taskUUID"]) for task in wanted
    ]
