"""Questions to Runware about many tasks: what is read in short, and what is asked again by halves."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.providers.http import Answer
from studio.providers.runware import RunwareProvider
from studio.providers.runware.reading import parts_of, report_of, still_running
from studio.providers.types import JobHandle, JobReport, JobStatus, ProviderError

WORDS = st.sampled_from(["processing", "success", "error", "strange", "", None])
ITEMS = st.fixed_dictionaries(
    {"taskUUID": st.just("r"), "status": WORDS},
    optional={
        "taskType": st.just("videoInference"),
        "progress": st.one_of(st.integers(-1, 101), st.booleans(), st.just("40"), st.none()),
        "videoURL": st.sampled_from(["https://files.example/v.mp4", ""]),
        "cost": st.floats(0, 9),
        "NSFWContent": st.booleans(),
        "error": st.just({"code": "providerError"}),
    },
)
ERRORS = st.lists(st.just({"taskUUID": "r", "code": "providerError"}), max_size=1)


@given(items=st.lists(ITEMS, max_size=3), errors=ERRORS)
def test_what_is_read_in_short_says_the_same(items: list[dict[str, Any]], errors: list[dict[str, Any]]) -> None:
    answer = Answer(200, {}, json.dumps({"data": items, "errors": errors}).encode())
    part = (parts_of(answer) or {}).get("r")
    found = still_running(part, "r")
    assert found is None or found == report_of(answer.part(part), part, "r")


def test_how_far_a_job_is_is_read_in_short() -> None:
    part = {"data": [{"taskType": "videoInference", "taskUUID": "r", "status": "processing", "progress": 40}]}
    raw = {"http_status": 200, "body": part}
    assert still_running(part, "r") == JobReport(JobStatus.RUNNING, provider_job_id="r", progress=40, raw=raw)


class Small(RunwareProvider):
    """At an address that takes so many tasks and no more, and chokes on one of them."""

    def __init__(self, most: int, choke: str = "") -> None:
        self.most, self.choke, self.asked = most, choke, list[int]()

    async def _post_all(self, together: list[dict[str, Any]], **_: Any) -> Answer:
        self.asked.append(len(together))
        names = [task["taskUUID"] for task in together]
        if len(together) > self.most or self.choke in names:
            return Answer(400, {}, b'{"errors": [{"code": "strange"}]}')
        data = [{"taskUUID": name, "status": "processing", "progress": int(name)} for name in names]
        return Answer(200, {}, json.dumps({"data": data}).encode())


def progress(provider: RunwareProvider, count: int) -> list[int | type[ProviderError] | None]:
    handles = [JobHandle(str(number), "m") for number in range(count)]
    told = asyncio.run(provider.check_many(handles))
    return [found.progress if isinstance(found, JobReport) else type(found) for found in told]


@pytest.mark.parametrize(("most", "requests"), [(40, [40]), (20, [40, 20, 20]), (19, [40, 20, 10, 10, 20, 10, 10])])
def test_a_question_that_is_too_long_is_asked_by_halves(most: int, requests: list[int]) -> None:
    provider = Small(most)
    assert progress(provider, 40) == list(range(40))
    assert provider.asked == requests


def test_one_task_that_breaks_the_question_costs_the_others_nothing() -> None:
    provider = Small(64, choke="5")
    assert progress(provider, 64) == [ProviderError if number == 5 else number for number in range(64)]
    assert len(provider.asked) == 13
