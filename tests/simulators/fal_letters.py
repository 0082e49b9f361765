"""fal's webhooks: what is in them, and how they go astray."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from tests.simulators import fal_words as words
from tests.simulators.faults import Moment
from tests.simulators.jobs import Job
from tests.simulators.letters import Sealed

if TYPE_CHECKING:
    from tests.simulators.fal import Fal

WAITS = {  # provider seconds between the tries of one webhook
    "10 in 2 h": (10, 20, 40, 80, 160, 320, 640, 1280, 2200, 2450),
    "31 in 1 h": (*range(8, 240, 8), 120, 120),
}


def write_letters(fal: Fal, job: Job, url: str) -> None:
    """Send what is to be sent about a finished job."""
    faults = fal.faults.strike_all(Moment.LETTER, (job.id, *job.texts))
    if "webhook_lost" in faults:
        fal.letters.lose(job.id, url)
        return
    after = faults.get("webhook_late", {}).get("seconds", 0.0)
    first = fal.letters.post(job.id, url, lambda: _letter(fal, job, faults), after=after)
    for number in range(faults.get("webhook_duplicate", {}).get("copies", 0)):
        wait = after + 0.5 * (number + 1)
        fal.letters.post(job.id, url, lambda: _letter(fal, job, faults), after=wait, label="copy")
    if "webhook_out_of_order" in faults:
        fal.letters.post(job.id, url, lambda: _older_letter(fal, job), following=first, label="older")


async def _letter(fal: Fal, job: Job, faults: Mapping[str, dict[str, Any]]) -> Sealed:
    head: dict[str, Any] = {"request_id": job.id, "gateway_request_id": job.notes["gateway"]}
    if job.failure is None:
        head |= {"status": "OK", "payload": await fal.output(job)}
    else:
        head |= {"status": "ERROR", "error": words.webhook_error(job.failure)}
        head["payload"] = words.failure_body(job.failure)
    if "webhook_no_payload" in faults:
        head |= {"payload": None, "payload_error": "Response payload is not JSON serializable."}
    body = b"{not json" if "webhook_garbled" in faults else json.dumps(head).encode()
    age = faults.get("webhook_stale", {}).get("seconds", 0.0)
    return body, fal.seal.headers(job.id, body, forged="webhook_forged" in faults, age=age)


async def _older_letter(fal: Fal, job: Job) -> Sealed:
    """What an earlier inner try would have said, arriving after the last word."""
    failure = words.request_failure("runner_disconnected")
    head = {"request_id": job.id, "gateway_request_id": str(uuid4()), "status": "ERROR"}
    body = json.dumps(head | {"error": failure["message"], "payload": words.failure_body(failure)}).encode()
    return body, fal.seal.headers(job.id, body)
