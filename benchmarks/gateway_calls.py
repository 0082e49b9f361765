"""``python -m benchmarks.gateway_calls CALLS``: the calls of benchmarks/gateway.py, printed as JSON medians."""

from __future__ import annotations

import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from statistics import median
from typing import Any
from uuid import uuid4

import django

django.setup()

from django.test import Client  # noqa: E402

from avatarsite.workspaces.models import Scope, User  # noqa: E402
from avatarsite.workspaces.tokens import make_token  # noqa: E402
from billing.prices import price_book  # noqa: E402
from studio.gateway.intake import start_request  # noqa: E402
from studio.gateway.model_names import DRAFTS  # noqa: E402
from studio.gateway.models import GatewayRequest, Protocol  # noqa: E402
from studio.models import Render, RenderState, Upload  # noqa: E402
from studio.pipeline.cancel import finish_cancelled  # noqa: E402
from studio.uploads.samples import add_samples  # noqa: E402

IMAGE, SOUND = "https://files.example.org/face.jpg", "https://files.example.org/voice.mp3"
WARM_UP = 10


class Shop:
    """A workspace, its token, and a browserless client."""

    def __init__(self) -> None:
        self.owner = User.objects.create_user("bench@example.org", "correct horse battery", name="Bench")
        self.workspace = self.owner.workspaces.get()
        self.key = make_token(self.workspace, user=self.owner, name="Bench", scopes=list(Scope))[1]
        self.portrait, self.voice = add_samples(self.workspace)
        self.client = Client(HTTP_HOST="localhost")

    def post(self, path: str, body: Any, scheme: str = "Bearer") -> Any:
        headers = {"Authorization": f"{scheme} {self.key}"}
        answer = self.client.post(path, json.dumps(body), content_type="application/json", headers=headers)
        assert answer.status_code < 300, answer.content
        return answer.json()

    def get(self, path: str, scheme: str = "Bearer") -> Any:
        answer = self.client.get(path, headers={"Authorization": f"{scheme} {self.key}"})
        assert answer.status_code < 300, answer.content
        return answer.json()


def doors(shop: Shop) -> dict[str, tuple[Callable[[], str], Callable[[str], object]]]:
    """For each door its submit, which gives an id, and its status by that id."""

    def by_api() -> str:
        body = {"model": "draft", "portrait": shop.portrait.pk, "voice": shop.voice.pk}
        return str(shop.post("/api/v1/renders", body)["id"])

    def by_runware() -> str:
        task = {"taskType": "videoInference", "taskUUID": str(uuid4()), "model": DRAFTS[Protocol.RUNWARE]}
        shop.post("/compat/runware/v1", [task | {"inputs": {"image": IMAGE, "audio": SOUND}}])
        return task["taskUUID"]

    def by_fal() -> str:
        body = {"image_url": IMAGE, "audio_url": SOUND}
        return str(shop.post("/compat/fal/" + DRAFTS[Protocol.FAL], body, "Key")["request_id"])

    def by_aimlapi() -> str:
        body = {"model": DRAFTS[Protocol.AIMLAPI], "image_url": IMAGE, "audio_url": SOUND}
        return str(shop.post("/compat/aimlapi/v2/video/generations", body)["id"])

    return {
        "api": (by_api, lambda found: shop.get(f"/api/v1/renders/{found}")),
        "runware": (
            by_runware,
            lambda found: shop.post("/compat/runware/v1", [{"taskType": "getResponse", "taskUUID": found}]),
        ),
        "fal": (by_fal, lambda found: shop.get(f"/compat/fal/{DRAFTS[Protocol.FAL]}/requests/{found}/status", "Key")),
        "aimlapi": (by_aimlapi, lambda found: shop.get(f"/compat/aimlapi/v2/video/generations?generation_id={found}")),
    }


def with_media(reference: str, portrait: Upload, voice: Upload) -> str:
    """As if its media had been fetched; the id of its row."""
    row = GatewayRequest.objects.get(reference=reference)
    GatewayRequest.objects.filter(pk=row.pk).update(portrait=portrait, voice=voice)
    return row.pk


def timed(seconds: dict[str, list[float]], name: str, call: Callable[[], Any]) -> Any:
    began = time.process_time()
    found = call()
    seconds[name].append(time.process_time() - began)
    return found


def main(calls: int) -> dict[str, dict[str, float]]:
    price_book.seed_prices()
    shop = Shop()
    found: dict[str, dict[str, list[float]]] = {name: defaultdict(list) for name in ("submit", "task", "status")}
    ways = doors(shop)
    for number in range(calls + WARM_UP):
        into = found if number >= WARM_UP else {name: defaultdict(list) for name in found}
        for name, (submit, status) in ways.items():
            reference = timed(into["submit"], name, submit)
            if name == "api":
                into["task"][name].append(into["submit"][name][-1])
            else:
                row = with_media(reference, shop.portrait, shop.voice)
                timed(into["task"], name, lambda row=row: start_request(row))
            timed(into["status"], name, lambda status=status, reference=reference: status(reference))
        # Nobody works here, and a queue of hundreds would be counted through by whoever tells a position.
        for render in Render.objects.filter(state=RenderState.QUEUED):
            finish_cancelled(render, reason="the end of a round")
    return {call: {door: median(times) for door, times in doors.items()} for call, doors in found.items()}


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]))))
