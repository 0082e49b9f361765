"""One Idempotency-Key, sent fifty times at once or again after a kill, to real web servers on each database."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import httpx
import pytest

from tests.studio.api.crashing_wsgi import POINTS
from tests.studio.api.live import LiveApi, live_api
from tests.support.servers import postgres_server

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("api-live")]

AT_ONCE = 50
BOOKS = """
from billing.verify.verification import verify
from billing.models import Hold
from studio.models import Render
from avatarsite.api.models import IdempotencyRecord
print(json.dumps({
    "renders": Render.objects.count(),
    "holds": Hold.objects.count(),
    "kept": IdempotencyRecord.objects.count(),
    "findings": [str(finding) for finding in verify()],
}))
"""


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def live(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveApi]:
    folder = tmp_path_factory.mktemp("once")
    with ExitStack() as stack:
        server = stack.enter_context(postgres_server()) if request.param == "postgresql" else None
        weak = {"application": "tests.studio.api.crashing_wsgi.application", "DEADLY_ORDER": str(folder / "order")}
        yield stack.enter_context(live_api(folder, server=server, processes=2, **weak))


def create(live: LiveApi, key: str) -> httpx.Response:
    wish = {"portrait": live.alice["portrait"], "voice": live.alice["voice"], "reference": key}
    with live.client() as client:
        return client.post("/renders", json=wish, headers={"Idempotency-Key": key})


def found(live: LiveApi, key: str) -> list[str]:
    """The renders that came of the key."""
    with live.client() as client:
        return [render["id"] for render in client.get("/renders", params={"reference": key}).json()["data"]]


def held(live: LiveApi) -> int:
    with live.client() as client:
        return int(client.get("/balance").json()["held"]["amount_micros"])


def test_fifty_at_once_are_one(live: LiveApi) -> None:
    before = held(live)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(lambda _: create(live, "fifty"), range(AT_ONCE)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert {answer.headers["Location"] for answer in answers} == {f"/api/v1/renders/{answers[0].json()['id']}"}
    assert sum("Idempotency-Replayed" not in answer.headers for answer in answers) == 1
    assert found(live, "fifty") == [answers[0].json()["id"]]
    assert held(live) - before == answers[0].json()["ceiling"]["amount_micros"] > 0


@pytest.mark.parametrize("point", POINTS)
def test_a_kill_in_between_is_healed_by_the_repeat(live: LiveApi, point: str) -> None:
    order, before = live.site.folder / "order", held(live)
    order.write_text(point)
    with pytest.raises(httpx.TransportError):
        create(live, point)
    assert not order.exists()
    there = found(live, point)
    assert len(there) == POINTS[point]
    answer = create(live, point)
    made = answer.json()
    assert answer.status_code == 201
    assert ("Idempotency-Replayed" in answer.headers) == bool(POINTS[point])
    assert found(live, point) == [made["id"]] == (there or [made["id"]])
    assert held(live) - before == made["ceiling"]["amount_micros"] > 0


def test_one_render_one_hold_one_answer_for_each_key(live: LiveApi) -> None:
    assert create(live, "one-more").status_code == 201
    books = live.site.ask(BOOKS)
    assert books["findings"] == []
    assert books["renders"] == books["holds"] == books["kept"] > 0
