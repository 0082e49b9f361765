"""What goes wrong, at which step, and how the render must end then: the architecture's promises as a table.

``ready``, or ``failed CODE``, or ``waits in STATE``: then nobody knows more, the money stays on hold, and the state's
deadline ends it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

READY = "ready"
QUEUED, SENDING, RENDERING = "waits in queued", "waits in submitting", "waits in rendering"
NO_COPY = "failed copy_failed"
PROVIDERS = ("runware", "fal", "aimlapi")
# What can't be told from "accepted": sent again where the same order twice is one job, waited for elsewhere.
IN_DOUBT = {"runware": READY, "fal": SENDING, "aimlapi": SENDING}


@dataclass(frozen=True)
class Strike:
    """One fault, switched on for good or for so many ``times``."""

    name: str
    times: int | None = None
    params: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        params = ", ".join(f"{name} {value}" for name, value in self.params.items())
        often = "" if self.times is None else f" ×{self.times}"
        return f"{self.name}{f' ({params})' if params else ''}{often}"


@dataclass(frozen=True)
class Case:
    provider: str
    strikes: tuple[Strike, ...]
    ends: str
    aged_hours: float = 0.0  # how long ago the job seems to have been taken, once it has been
    reading: tuple[tuple[str, Any], ...] = ()  # settings of the stand-in, where the provider's documents leave it open
    uploads: bool = False  # inputs by upload, because this server has no address; then there are no webhooks either
    no_use: bool = False  # the provider has no whole video, or has it no more

    @property
    def title(self) -> str:
        aged = f", {self.aged_hours:g} h later" if self.aged_hours else ""
        readings = [f"{name} {value}" for name, value in self.reading]
        return " + ".join([*map(str, self.strikes), *readings]) + aged

    def __str__(self) -> str:
        return f"{self.provider}: {self.title}"


def strike(name: str, times: int | None = None, **params: Any) -> Strike:
    return Strike(name, times, params)


def at(*strikes: Strike, ends: str | dict[str, str], **also: Any) -> Iterator[Case]:
    """The case at each provider, or at those that ``ends`` names."""
    each = ends if isinstance(ends, dict) else dict.fromkeys(PROVIDERS, ends)
    for provider, end in each.items():
        yield Case(provider, strikes, end, **also)


def only(end: str, *providers: str) -> dict[str, str]:
    return dict.fromkeys(providers, end)


def submits() -> Iterator[Case]:
    """The creating request and its answer."""
    for name in ("drop_connection", "server_error", "not_json"):
        yield from at(strike(name, 1, route="submit"), ends=IN_DOUBT)
    yield from at(strike("ingress_error", 1, route="submit"), ends={"fal": SENDING})
    for name in ("rate_limit", "bad_key", "forbidden"):
        yield from at(strike(name, 2, route="submit"), ends=READY)
        yield from at(strike(name, route="submit"), ends=QUEUED)
    yield from at(strike("out_of_credit", 2), ends=READY)
    yield from at(strike("out_of_credit"), ends=QUEUED)
    for status in (500, 502, 504):
        yield from at(strike("server_error", 1, route="submit", status=status), ends=IN_DOUBT)
    yield from at(strike("rate_limit", 2, route="submit", retry_after=7), ends=READY)
    for reason in ("Admin lock", "TOP_UP"):
        yield from at(strike("out_of_credit", reason=reason), ends={"fal": QUEUED})
    yield from at(strike("refused"), ends="failed input")
    for code in ("modelNotFound", "unknownModel", "mediaNotFound"):
        yield from at(strike("refused", code=code), ends={"runware": "failed provider"})
    said = {"status": 422, "message": "Body validation error"}
    yield from at(strike("refused", **said), ends=only("failed input", "fal", "aimlapi"))
    yield from at(strike("slow_response", seconds=0.1, route="submit"), ends=READY)


def answers() -> Iterator[Case]:
    """The provider has accepted, and its answer is lost on the way."""
    for name in ("lost_response", "server_error_after_accept", "garbled_accept", "answer_without_id"):
        yield from at(strike(name), ends=READY)
        yield from at(strike(name), strike("webhook_lost"), ends=only(READY, "runware", "fal"))
    yield from at(strike("slow_accept", seconds=0.1), ends=READY)
    yield from at(strike("webhook_before_answer"), ends=only(READY, "runware", "fal"))
    for status in (500, 503, 504):
        yield from at(strike("server_error_after_accept", status=status), ends=READY)
    lost, unlisted, silent = strike("lost_response"), strike("not_in_ledger"), strike("webhook_lost")
    yield from at(lost, unlisted, ends={"fal": READY, "aimlapi": SENDING})
    yield from at(lost, unlisted, silent, ends={"fal": SENDING})
    yield from at(lost, strike("fail"), ends={"runware": "failed provider", "fal": "failed provider"})
    for name in ("drop_connection", "server_error", "rate_limit", "bad_key", "not_json"):
        yield from at(lost, silent, strike(name, 3, route="ledger"), ends={"fal": READY})
        yield from at(lost, strike(name, 3, route="ledger"), ends={"aimlapi": READY})
        yield from at(lost, strike(name, 2, route="status"), ends={"runware": READY})


def jobs() -> Iterator[Case]:
    """What the provider makes of the job."""
    yield from at(strike("fail"), ends="failed provider")
    yield from at(strike("moderated"), ends="failed moderation")
    for code in ("inferenceError", "invalidWidth", "timeoutProvider", "internalServerError"):
        kind = {"invalidWidth": "input", "timeoutProvider": "timeout"}.get(code, "provider")
        for shape in ("errors", "item"):
            yield from at(strike("fail", code=code, shape=shape), ends={"runware": f"failed {kind}"})
    yield from at(strike("fail", code="request_timeout", shape="request"), ends={"fal": "failed timeout"})
    yield from at(strike("fail", code="runner_server_error", shape="request"), ends={"fal": "failed provider"})
    yield from at(strike("fail", code="face_detection_error"), ends={"fal": "failed input"})
    yield from at(strike("fail", code="internal_server_error", shape="string"), ends={"fal": "failed provider"})
    yield from at(strike("moderated", shape="flag"), ends={"runware": READY})
    kept_from_us = strike("moderated", shape="flag"), strike("no_video")
    yield from at(*kept_from_us, ends={"runware": "failed moderation"}, no_use=True)
    yield from at(strike("stuck"), ends=RENDERING)
    yield from at(strike("slow_run", seconds=600.0), ends=READY)
    yield from at(strike("unknown_status"), ends=READY)
    yield from at(strike("unknown_status", forever=True), ends=RENDERING)
    yield from at(strike("invisible", seconds=300.0), ends=READY)
    yield from at(strike("runner_fails", tries=2), ends={"fal": READY})
    yield from at(strike("forgotten"), ends={"runware": RENDERING, "fal": READY, "aimlapi": RENDERING})
    old: dict[str, Any] = {"aged_hours": 2.0}
    yield from at(strike("forgotten"), ends={"runware": READY}, **old)
    gone = old | {"no_use": True}
    yield from at(strike("forgotten"), ends={"aimlapi": "failed not_found"}, **gone)
    yield from at(strike("forgotten"), strike("not_in_ledger"), ends={"fal": "failed not_found"}, **gone)
    for name in ("absurd_duration", "no_video"):
        yield from at(strike(name), ends="failed provider" if name == "no_video" else READY, no_use=name == "no_video")
    yield from at(strike("no_duration"), ends={"fal": READY})
    for name in ("no_cost", "zero_cost"):
        yield from at(strike(name), ends=only(READY, "runware", "aimlapi"))
    for name in ("silent_video", "blind_video", "short_video"):
        yield from at(strike(name), ends=NO_COPY, no_use=True)


def polls() -> Iterator[Case]:
    """Questions about a job that are not answered."""
    for name in ("drop_connection", "server_error", "rate_limit", "not_json", "bad_key", "forbidden"):
        yield from at(strike(name, 4, route="status"), ends=READY)
        yield from at(strike(name, 4, route="result"), ends={"fal": READY})
        yield from at(strike(name, route="status"), ends=RENDERING)
        old = {"aged_hours": 2.0}
        yield from at(strike("forgotten"), strike(name, 4, route="details"), ends={"runware": READY}, **old)
        yield from at(strike("forgotten"), strike(name, 4, route="ledger"), ends={"fal": READY}, **old)
    yield from at(strike("ingress_error", 4, route="status"), ends={"fal": READY})
    yield from at(strike("ingress_error", 4, route="result"), ends={"fal": READY})
    yield from at(strike("slow_response", seconds=0.1, route="status"), ends=READY)


def webhooks() -> Iterator[Case]:
    for name in ("lost", "duplicate", "out_of_order", "garbled"):
        yield from at(strike(f"webhook_{name}"), ends=only(READY, "runware", "fal"))
    yield from at(strike("webhook_late", seconds=600.0), ends=only(READY, "runware", "fal"))
    for name in ("forged", "stale", "no_payload"):
        yield from at(strike(f"webhook_{name}"), ends={"fal": READY})
    for name in ("forged", "stale", "garbled"):
        # The answer was lost too: a letter that proves nothing doesn't help, and the list of requests does.
        yield from at(strike("lost_response"), strike(f"webhook_{name}"), ends={"fal": READY})


def files() -> Iterator[Case]:
    """The download of the finished video."""
    for name in ("forbidden", "missing", "server_error", "wrong_type", "empty", "truncated", "garbage", "redirect"):
        yield from at(strike(f"file_{name}", 3), ends=READY)
        yield from at(strike(f"file_{name}"), ends=NO_COPY, no_use=True)
    yield from at(strike("file_truncated", 7, honest=True), ends=READY)  # it's asked for again at the provider
    yield from at(strike("file_wrong_type", video=True), ends=READY)
    yield from at(strike("file_slow", seconds=0.1), ends=READY)


def uploads() -> Iterator[Case]:
    """Getting the inputs there by upload."""
    both = only(READY, "runware", "fal")
    for name in ("upload_fails", "drop_connection", "server_error", "rate_limit", "bad_key", "not_json"):
        yield from at(strike(name, 2, route="upload"), ends=both, uploads=True)
    yield from at(strike("bad_key", route="upload"), ends=only(QUEUED, "runware", "fal"), uploads=True)
    yield from at(strike("lost_response"), ends=both, uploads=True)


def readings() -> Iterator[Case]:
    """What the providers' documents leave open, or say in two ways."""

    def reads(provider: str, *strikes: Strike, ends: str = READY, **reading: Any) -> Iterator[Case]:
        return at(*strikes, ends={provider: ends}, reading=tuple(reading.items()))

    lost, silent = strike("lost_response"), strike("webhook_lost")
    yield from reads("runware", lost, conflict_status=200)
    yield from reads("runware", strike("invisible", seconds=300.0), unknown_task="error")
    yield from reads("runware", webhook_body="wrapped")
    yield from reads("runware", ack_has_status=True, visible_after_seconds=200.0, prompt_required=True)
    yield from reads("fal", submit_status=202, polite_status_codes=False, response_suffix=True)
    yield from reads("fal", strike("fail"), ends="failed provider", model_error_in_status=True)
    yield from reads("fal", silent, result_seconds=1.0, large_result_seconds=1.0)
    yield from reads("fal", lost, silent, ledger_delay_seconds=300.0)
    yield from reads("aimlapi", submit_status=201, usage_word="tokens_used", id_form="short", queue_word="active")
    yield from reads("aimlapi", strike("out_of_credit", 2), strike("rate_limit", 2), status_code_type="string")


CHAPTERS = (submits, answers, jobs, polls, webhooks, files, uploads, readings)
CASES = [case for chapter in CHAPTERS for case in chapter()]
