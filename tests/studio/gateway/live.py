"""The gateway as it is deployed: a site with its processes, and the providers' stand-ins behind it."""

from __future__ import annotations

import json
import re
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from tests.simulators import loopback
from tests.simulators.fixture import SPEED, Door, Inbox, Simulators, eventually, open_inbox, running_simulators
from tests.studio.api.live import SEED, LiveApi, live_api
from tests.support.servers import free_ports
from tests.support.sites import ROOT

CREDIT = 100_000_000
VERIFY = "from billing.verify.verification import verify\nprint(json.dumps([str(found) for found in verify()]))"
MONEY = (
    "from billing.ledger import accounts\nfrom avatarsite.workspaces.models import Workspace\n"
    "balance = accounts.balance(Workspace.objects.get(pk={workspace!r}))\n"
    "print(json.dumps([balance.available_micros, balance.held_micros]))"
)
REVOKE = (
    "from avatarsite.workspaces.models import ApiToken\nfrom avatarsite.workspaces.tokens import hash_of\n"
    "from avatarsite.workspaces.tokens import revoke_for_operator\n"
    "revoke_for_operator(ApiToken.objects.get(token_hash=hash_of({secret!r})))\nprint(json.dumps(None))"
)
LIMIT_PASSES = (
    "from datetime import timedelta\nfrom django.utils import timezone\n"
    "from studio.gateway.models import GatewayRequest\n"
    "newest = GatewayRequest.objects.filter(pk=GatewayRequest.objects.latest('pk').pk)\n"
    "print(newest.update(start_by=timezone.now() - timedelta(seconds=1)))"
)
TOKEN = (
    "from avatarsite.workspaces.models import Scope, User\nfrom avatarsite.workspaces.tokens import make_token\n"
    "user = User.objects.get(email='alice@example.org')\n"
    "secret = make_token(user.workspaces.get(), user=user, name='Another', scopes=list(Scope))[1]\n"
    "print(json.dumps(secret))"
)


@dataclass(frozen=True)
class LiveGateway:
    """Where clients ask, and what is behind. ``inbox`` takes webhooks and uploads; ``silent`` never answers."""

    live: LiveApi
    simulators: Simulators
    inbox: Inbox
    silent: str
    sockets_port: int

    @property
    def socket(self) -> str:
        """Where Runware's protocol is spoken over a WebSocket."""
        return f"ws://127.0.0.1:{self.sockets_port}/compat/runware/v1"

    def start_sockets(self) -> None:
        command = [str(ROOT / "manage.py"), "sockets", "--port", str(self.sockets_port)]
        self.live.started.append(self.live.site.serve(*command, log="sockets.log"))
        eventually(self._has_sockets, "an answer of the sockets")

    def drop_sockets(self) -> None:
        """Kill the process, so that every connection breaks without a word."""
        process = self.live.started.pop()
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=20)

    def _has_sockets(self) -> bool:
        with suppress(httpx.TransportError):
            return loopback.get(f"http://127.0.0.1:{self.sockets_port}/").status_code == 426
        return False

    @property
    def key(self) -> str:
        return str(self.live.alice["token"])

    @property
    def portrait(self) -> str:
        return self.simulators.sample("portrait-768x1024.jpg")

    def voice(self, ms: int = 4_000) -> str:
        return self.simulators.sample(f"voice-{ms}.mp3")

    def door(self, protocol: str, hosts: dict[str, str]) -> Door:
        base = f"{self.live.address}/compat/{protocol}"
        return Door(self.key, {name: base + path for name, path in hosts.items()}, self.portrait, self.voice)

    def money(self) -> tuple[int, int]:
        """Micro-dollars: to be spent, and on hold."""
        available, held = self.live.site.ask(MONEY.format(workspace=self.live.alice["workspace"]))
        return available, held

    def nothing_is_held(self) -> None:
        eventually(lambda: self.money()[1] == 0, "the release of every hold")

    def let_start_limit_pass(self) -> None:
        """As if the newest request's limit, which is a real time from the submit on, lay behind us."""
        assert self.live.site.ask(LIMIT_PASSES) == 1

    def slowly(self) -> None:
        """Jobs stay in the provider's queue until ``finish``."""
        self.simulators.fal.speed(0.001)

    def finish(self) -> None:
        self.simulators.fal.speed(SPEED)

    def let_end(self) -> None:
        """Wait for what was begun. A job that its provider forgets under way keeps its hold for an hour."""
        if self.simulators.fal.jobs():
            self.finish()
            eventually(self._holds_nothing, "the release of every hold")

    def _holds_nothing(self) -> bool:
        """The same as ``money``, asked over HTTP after each test: a process for each answer would take seconds."""
        with self.live.client(self._own_token) as client:
            answer = client.get("/balance")
        # With much asked in this minute, the rate limit answers.
        return answer.status_code == 200 and answer.json()["held"]["amount_micros"] == 0

    @cached_property
    def _own_token(self) -> str:
        """Asking with it leaves the limits of the test's own token alone."""
        return self.another_token()

    @contextmanager
    def charged(self, micros: int) -> Iterator[None]:
        """What is begun inside, given up by its caller but not cancelled, ends as one job that costs this."""
        available, _ = self.money()
        yield
        eventually(self.simulators.fal.jobs, "the job at the provider")
        self.let_end()
        assert self.money() == (available - micros, 0)
        assert len(self.simulators.fal.jobs()) == 1

    def neighbour(self) -> str:
        """The key of another customer."""
        return str(self.live.site.ask(SEED.format(name=f"Bob{uuid4().hex[:6]}", credit=CREDIT))["token"])

    def another_token(self) -> str:
        return str(self.live.site.ask(TOKEN))

    def revoke(self, secret: str) -> None:
        self.live.site.ask(REVOKE.format(secret=secret))

    def as_new(self) -> None:
        """No jobs at the stand-ins, no faults, no letters."""
        self.simulators.reset()
        self.inbox.letters.clear()
        self.inbox.answers.clear()

    def letter(self, key: str, value: str) -> Any:
        """The webhook whose body has this."""

        def found() -> Any:
            return [letter for letter in self.inbox.letters if json.loads(letter.body).get(key) == value]

        return eventually(found, f"a webhook about {value}")[0]


def documented(address: str) -> str:
    """The middleware that docs/gateway.md tells users of fal's JavaScript clients to write, for this site."""
    blocks = re.findall(r"```js\n(.*?)```", (ROOT / "docs" / "gateway.md").read_text(encoding="utf-8"), re.DOTALL)
    (block,) = [block for block in blocks if "@fal-ai/client" in block]
    (hosts,) = re.findall(r"const hosts = .*?\n};", block, re.DOTALL)
    (function,) = re.findall(r"requestMiddleware: (.*?\n  }),", block, re.DOTALL)
    return f"(() => {{ {hosts} return {function}; }})()".replace("https://studio.example", address)


@contextmanager
def live_gateway(folder: Path) -> Iterator[LiveGateway]:
    with (
        running_simulators() as simulators,
        open_inbox() as inbox,
        socket.create_server(("127.0.0.1", 0)) as silent,
    ):
        simulators.reset()
        nowhere = f"http://127.0.0.1:{silent.getsockname()[1]}"
        # Of this model's providers only fal takes a job back; it works alone, so that a test knows where a job is.
        variables = simulators.environment | {
            "RUNWARE_API_KEY": "",
            "TRUSTED_MEDIA_SOURCES": f"{simulators.runware.base},{nowhere}",
            "TRUSTED_UPLOAD_ENDPOINTS": inbox.url,
        }
        with live_api(folder, worker=True, credit_micros=CREDIT, **variables) as live:
            gateway = LiveGateway(live, simulators, inbox, nowhere, *free_ports(1))
            gateway.start_sockets()
            yield gateway
            assert live.site.ask(VERIFY) == []
