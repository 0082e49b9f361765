"""Ways in which a render goes wrong at its provider, and how it ends then: a row each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

READY, FAILED = "ready", "failed"
PROVIDERS = ("runware", "fal", "aimlapi")
WITH_LETTERS = ("runware", "fal")
Strike = tuple[
    str, int | None, Mapping[str, Any]
]  # a fault of the stand-in, how often it strikes a job, and its params


@dataclass(frozen=True)
class Way:
    """``ends`` by provider; ``late`` ones wait for a deadline of hours, and nobody waits for them meanwhile.

    ``patient`` ones are copied again and again for a quarter of an hour, which only a long run has.
    """

    name: str
    strikes: tuple[Strike, ...]
    ends: Mapping[str, str]
    late: bool = False
    patient: bool = False


def way(name: str, *strikes: Strike, ends: str | Mapping[str, str] = READY, **also: bool) -> Way:
    return Way(name, strikes, ends if isinstance(ends, Mapping) else dict.fromkeys(PROVIDERS, ends), **also)


def on(fault: str, each: int | None = None, **params: Any) -> Strike:
    return fault, each, params


def only(end: str, *providers: str) -> dict[str, str]:
    return dict.fromkeys(providers, end)


# Where the same order twice is one job it is sent again; elsewhere nobody can tell, and it waits for its deadline.
IN_DOUBT = {"runware": READY, "fal": FAILED, "aimlapi": FAILED}
WAYS = (
    # The submit
    way("the submit is refused", on("refused"), ends=FAILED),
    # Each attempt is a job of its own there, so it can't be counted by job.
    way("429, two times of three", on("rate_limit", route="submit", passing=3)),
    way("500 to the submit", on("server_error", 1, route="submit", status=500), ends=IN_DOUBT, late=True),
    way("the submit is closed unanswered", on("drop_connection", 1, route="submit"), ends=IN_DOUBT, late=True),
    way("accepted, the answer lost", on("lost_response")),
    way("accepted, then 502", on("server_error_after_accept")),
    way("accepted, an answer that is no JSON", on("garbled_accept")),
    way("accepted, the answer lacks the id", on("answer_without_id")),
    way("accepted after 5 s", on("slow_accept", seconds=5.0)),
    # The job
    way("the job fails, its price refunded", on("fail"), ends=FAILED),
    way("refused by the content check", on("moderated"), ends=FAILED),
    way("the job never ends", on("stuck"), ends=FAILED, late=True),
    way("the job takes 20 times as long", on("slow_run", seconds=600.0)),
    way(
        "the job is lost once done",
        on("forgotten"),
        ends={"runware": READY, "fal": READY, "aimlapi": FAILED},
        late=True,
    ),
    way("a status that nobody knows", on("unknown_status")),
    way("success without a video", on("no_video"), ends=FAILED),
    # Questions
    way("503 to four questions", on("server_error", 4, route="status")),
    way("each answer takes 2 s", on("slow_response", seconds=2.0)),
    # Letters
    way("webhook lost", on("webhook_lost"), ends=only(READY, *WITH_LETTERS)),
    way("webhook four times", on("webhook_duplicate", copies=3), ends=only(READY, *WITH_LETTERS)),
    way("webhook 30 s late", on("webhook_late", seconds=600.0), ends=only(READY, *WITH_LETTERS)),
    way("webhook contradicted by an older one", on("webhook_out_of_order"), ends=only(READY, *WITH_LETTERS)),
    way("webhook that is no JSON", on("webhook_garbled"), ends=only(READY, *WITH_LETTERS)),
    way("webhook forged", on("webhook_forged"), ends=only(READY, "fal")),
    way("webhook before the answer", on("webhook_before_answer"), ends=only(READY, *WITH_LETTERS)),
    # The file
    way("404 three times", on("file_missing", 3)),
    way("404 for ever", on("file_missing"), ends=FAILED, late=True, patient=True),
    way("truncated twice", on("file_truncated", 2)),
    way("a page in place of the file, twice", on("file_wrong_type", 2)),
    way("led to a private address, twice", on("file_redirect", 2)),
    way("no video at all", on("file_garbage"), ends=FAILED, late=True, patient=True),
    way("a quarter of the length", on("short_video", share=0.25), ends=FAILED, late=True, patient=True),
    way("no sound", on("silent_video"), ends=FAILED, late=True, patient=True),
    # The bill
    way("twice as long as quoted", on("short_video", share=2.0)),
    way("three hours billed", on("absurd_duration")),
    way("cost 0", on("zero_cost"), ends=only(READY, "runware", "aimlapi")),
    way("no cost told", on("no_cost"), ends=only(READY, "runware", "aimlapi")),
)
