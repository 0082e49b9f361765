"""``python -m tests.studio.gateway.races``: the same request twice in the same moment, on a real database.

Prints, as JSON and for each round of each race, how the two fared and what the database says then.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from threading import Barrier, Thread
from typing import Any
from uuid import uuid4

import django

django.setup()

from django.db import connections  # noqa: E402
from django.test import Client  # noqa: E402

from avatarsite.workspaces.models import Scope, User  # noqa: E402
from avatarsite.workspaces.tokens import make_token  # noqa: E402
from billing.ledger import posting  # noqa: E402
from billing.prices import price_book  # noqa: E402
from billing.verify import verification  # noqa: E402
from studio.gateway import intake  # noqa: E402
from studio.gateway.model_names import DRAFTS  # noqa: E402
from studio.gateway.models import GatewayRequest, Protocol  # noqa: E402
from studio.models import Render  # noqa: E402
from studio.uploads.samples import add_samples  # noqa: E402

ROUNDS = 4
MEDIA = {"image_url": "https://files.example.org/face.jpg", "audio_url": "https://files.example.org/voice.mp3"}
Call = Callable[[], object]


class Shop:
    """A workspace with credit, its key, and its samples."""

    def __init__(self) -> None:
        price_book.seed_prices()
        price_book.set_price("local:draft", cost_micros_per_second=0, price_micros_per_second=10_000, source="a race")
        owner = User.objects.create_user("races@example.org")
        self.workspace = owner.workspaces.get()
        posting.grant(self.workspace, 50_000_000, key="races", reason="a race")
        self.key = make_token(self.workspace, user=owner, name="Races", scopes=list(Scope))[1]
        self.portrait, self.voice = add_samples(self.workspace)

    def post(self, path: str, body: Any, scheme: str = "Bearer", **headers: str) -> Any:
        headers["Authorization"] = f"{scheme} {self.key}"
        return Client(HTTP_HOST="localhost").post(path, json.dumps(body), "application/json", headers=headers).json()

    def submit(self, **headers: str) -> str:
        """A request whose media are here, and that is about to be started."""
        reference = str(self.post(f"/compat/fal/{DRAFTS[Protocol.FAL]}", MEDIA, "Key", **headers)["request_id"])
        row = GatewayRequest.objects.get(reference=reference)
        GatewayRequest.objects.filter(pk=row.pk).update(portrait=self.portrait, voice=self.voice)
        return row.pk


def together(first: Call, second: Call) -> list[object]:
    """Run both at once, each in a thread of its own: what they gave, sorted."""
    start, outcomes = Barrier(2), []

    def run(task: Call) -> None:
        try:
            start.wait()
            outcomes.append(task())
        except Exception as error:  # noqa: BLE001 -- whatever it is, the test compares its name
            outcomes.append(repr(error))
        finally:
            connections.close_all()

    threads = [Thread(target=run, args=[task]) for task in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(outcomes, key=str)


def one_task_uuid_comes_twice(shop: Shop) -> object:
    inputs = {"image": MEDIA["image_url"], "audio": MEDIA["audio_url"]}
    task = {"taskType": "videoInference", "taskUUID": str(uuid4()), "model": DRAFTS[Protocol.RUNWARE], "inputs": inputs}

    def send() -> str:
        answer = shop.post("/compat/runware/v1", [task])
        return str(answer["errors"][0]["code"] if "errors" in answer else "acknowledged")

    return together(send, send), GatewayRequest.objects.filter(reference=task["taskUUID"]).count()


def one_key_comes_twice(shop: Shop) -> object:
    key = {"Idempotency-Key": str(uuid4())}
    first, second = together(lambda: shop.submit(**key), lambda: shop.submit(**key))
    return first == second, GatewayRequest.objects.filter(pk=first).count()


def one_request_is_started_twice(shop: Shop) -> object:
    row = shop.submit()
    outcome = together(lambda: intake.start_request(row), lambda: intake.start_request(row))
    return outcome, Render.objects.filter(idempotency_key=f"gateway:{row}").count()


def one_is_cancelled_while_it_starts(shop: Shop) -> object:
    row = GatewayRequest.objects.get(pk=shop.submit())
    held = posting.balance(shop.workspace).held_micros
    started, cancelled = together(lambda: intake.start_request(row.pk), lambda: f"cancelled {intake.cancel(row)}")
    row.refresh_from_db()
    is_told = (row.state == "cancelled") == (str(started) == "False")
    return is_told, cancelled in ("cancelled True", "cancelled False"), settled(shop, row, held)


def settled(shop: Shop, row: GatewayRequest, held: int) -> bool:
    """Whether money is on hold exactly for a render that lives."""
    lives = row.render is not None and not row.render.ended
    return (posting.balance(shop.workspace).held_micros > held) == lives and verification.verify() == []


RACES = (
    one_task_uuid_comes_twice,
    one_key_comes_twice,
    one_request_is_started_twice,
    one_is_cancelled_while_it_starts,
)

if __name__ == "__main__":
    the_shop = Shop()
    sys.stdout.write(json.dumps({race.__name__: [race(the_shop) for _ in range(ROUNDS)] for race in RACES}))
