"""Everything that can go wrong on purpose, by name. A fault is drawn at one moment of a job's or a request's life."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from tests.simulators.references import reference_in

RUNWARE, FAL, AIMLAPI = "runware", "fal", "aimlapi"
ALL = (RUNWARE, FAL, AIMLAPI)


class Moment(StrEnum):
    REQUEST = "request"  # before a request is looked at; params may name a route
    ACCEPTED = "accepted"  # the job is accepted, its answer is not yet sent
    JOB = "job"  # fixed to the job for its whole life when it is accepted
    LETTER = "letter"  # when a webhook is about to go out
    FILE = "file"  # when the result file is asked for


@dataclass(frozen=True, slots=True)
class Kind:
    moment: Moment
    says: str
    providers: tuple[str, ...] = ALL
    defaults: dict[str, Any] = field(default_factory=dict)


ROUTES = ("submit", "status", "result", "details", "cancel", "upload", "ledger", "any")
WITH_LETTERS = (RUNWARE, FAL)

CATALOGUE: dict[str, Kind] = {
    # Before acceptance
    "slow_response": Kind(Moment.REQUEST, "the answer waits (real seconds)", defaults={"seconds": 1.0, "route": "any"}),
    "drop_connection": Kind(Moment.REQUEST, "closed without an answer, nothing accepted", defaults={"route": "any"}),
    "server_error": Kind(
        Moment.REQUEST, "5xx, nothing accepted", defaults={"status": 503, "route": "any", "retry_after": None}
    ),
    "rate_limit": Kind(
        Moment.REQUEST,
        "429; passing=3 lets each third through",
        defaults={"route": "any", "retry_after": None, "passing": None},
    ),
    "not_json": Kind(Moment.REQUEST, "200 with an HTML page", defaults={"route": "any"}),
    "bad_key": Kind(Moment.REQUEST, "the key is refused", defaults={"route": "any"}),
    "forbidden": Kind(Moment.REQUEST, "the key lacks the permission", defaults={"route": "any"}),
    "out_of_credit": Kind(
        Moment.REQUEST, "our account there is empty; fal may give another reason", defaults={"reason": None}
    ),
    "refused": Kind(
        Moment.REQUEST,
        "the submit is refused with a clean 4xx",
        defaults={"status": 400, "code": None, "message": None},
    ),
    "ingress_error": Kind(
        Moment.REQUEST, "nginx's own 5xx page, no request id", (FAL,), {"status": 502, "route": "any"}
    ),
    "upload_fails": Kind(Moment.REQUEST, "the upload is refused", (RUNWARE, FAL), {"status": 500, "route": "upload"}),
    # Accepted, but the answer goes wrong
    "lost_response": Kind(Moment.ACCEPTED, "accepted, then closed without an answer"),
    "server_error_after_accept": Kind(Moment.ACCEPTED, "accepted, then 5xx", defaults={"status": 502}),
    "slow_accept": Kind(Moment.ACCEPTED, "accepted, the answer waits (real seconds)", defaults={"seconds": 5.0}),
    "garbled_accept": Kind(Moment.ACCEPTED, "accepted, then an HTML page with 200"),
    "answer_without_id": Kind(Moment.ACCEPTED, "accepted, the JSON answer lacks the job's id"),
    # The job's life
    "fail": Kind(
        Moment.JOB,
        "the job fails; code, message, status and shape in the provider's words",
        defaults={"code": None, "message": None, "status": None, "shape": None, "retryable": None},
    ),
    "moderated": Kind(Moment.JOB, "refused by the content check", defaults={"shape": None}),
    "stuck": Kind(Moment.JOB, "never finishes"),
    "slow_run": Kind(Moment.JOB, "runs so many provider seconds longer", defaults={"seconds": 600.0}),
    "unknown_status": Kind(
        Moment.JOB,
        "an unknown status word, until it is done or for ever",
        defaults={"word": "paused", "forever": False},
    ),
    "invisible": Kind(Moment.JOB, "not yet known to polls for so many provider seconds", defaults={"seconds": 5.0}),
    "forgotten": Kind(Moment.JOB, "unknown to polls once it is done"),
    "runner_fails": Kind(
        Moment.JOB, "503 of the runner, tried again inside", (FAL,), {"tries": 1, "error_type": "runner_disconnected"}
    ),
    "absurd_duration": Kind(Moment.JOB, "reports and bills another length", defaults={"seconds": 10_272}),
    "no_video": Kind(Moment.JOB, "success without a video"),
    "no_duration": Kind(Moment.JOB, "success without the duration", (FAL,)),
    "no_cost": Kind(Moment.JOB, "success without cost or credits", (RUNWARE, AIMLAPI)),
    "zero_cost": Kind(Moment.JOB, "success at cost 0", (RUNWARE, AIMLAPI)),
    "not_in_ledger": Kind(Moment.JOB, "never shows in the request list, logs or transactions", (FAL, AIMLAPI)),
    "silent_video": Kind(Moment.JOB, "the video has no sound"),
    "blind_video": Kind(Moment.JOB, "the file has sound and no picture"),
    "short_video": Kind(Moment.JOB, "the video has a share of its length", defaults={"share": 0.25}),
    # Webhooks
    "webhook_lost": Kind(Moment.LETTER, "never sent", WITH_LETTERS),
    "webhook_late": Kind(Moment.LETTER, "sent so many provider seconds later", WITH_LETTERS, {"seconds": 60.0}),
    "webhook_duplicate": Kind(Moment.LETTER, "sent again so often", WITH_LETTERS, {"copies": 2}),
    "webhook_out_of_order": Kind(Moment.LETTER, "an older letter follows the last one", WITH_LETTERS),
    "webhook_before_answer": Kind(
        Moment.ACCEPTED, "the job is done and its letter delivered before the submit is answered", WITH_LETTERS
    ),
    "webhook_garbled": Kind(Moment.LETTER, "the body is not JSON", WITH_LETTERS),
    "webhook_forged": Kind(Moment.LETTER, "sealed with a key that is not in the key list", (FAL,)),
    "webhook_stale": Kind(Moment.LETTER, "a seal so many seconds old", (FAL,), {"seconds": 400}),
    "webhook_no_payload": Kind(Moment.LETTER, "payload null with payload_error", (FAL,)),
    # The file
    "file_forbidden": Kind(Moment.FILE, "403, as after expiry"),
    "file_missing": Kind(Moment.FILE, "404"),
    "file_server_error": Kind(Moment.FILE, "5xx", defaults={"status": 503}),
    "file_wrong_type": Kind(
        Moment.FILE,
        "another content type; the body is an HTML page, or the video with video=true",
        defaults={"content_type": "text/html", "video": False},
    ),
    "file_empty": Kind(Moment.FILE, "200 with zero bytes"),
    "file_truncated": Kind(
        Moment.FILE,
        "ends after a share; honest=true says so in Content-Length",
        defaults={"share": 0.5, "honest": False},
    ),
    "file_garbage": Kind(Moment.FILE, "bytes that are no video, as video/mp4"),
    "file_slow": Kind(Moment.FILE, "the first byte waits (real seconds)", defaults={"seconds": 2.0}),
    "file_redirect": Kind(Moment.FILE, "302 to another address", defaults={"to": "http://169.254.169.254/"}),
}


class FaultError(ValueError):
    """The name or a parameter is not in the catalogue."""


@dataclass(slots=True)
class Fault:
    id: int
    name: str
    params: dict[str, Any]
    times: int | None = None  # how often it strikes; None is for ever
    match: str = ""  # only where one of the job's texts contains this
    each: int | None = None  # how often it strikes each job, by our reference
    struck: int = 0
    passed: int = 0  # since it last let one through
    struck_by_job: dict[str, int] = field(default_factory=dict)

    def fits(self, texts: tuple[str, ...]) -> bool:
        is_meant = not self.match or any(self.match in text for text in texts)
        return is_meant and (self.each is None or self.struck_by_job.get(reference_in(*texts), 0) < self.each)

    def lets_through(self) -> bool:
        self.passed = (self.passed + 1) % (self.params.get("passing") or self.passed + 2)
        return not self.passed

    def count(self, texts: tuple[str, ...]) -> None:
        self.struck += 1
        if self.each is not None:
            reference = reference_in(*texts)
            self.struck_by_job[reference] = self.struck_by_job.get(reference, 0) + 1


class FaultBoard:
    """The faults that are switched on at one provider; ``routes`` are the words that a fault's route may be."""

    def __init__(self, provider: str, catalogue: dict[str, Kind] = CATALOGUE, routes: tuple[str, ...] = ROUTES) -> None:
        self.provider = provider
        self.catalogue = catalogue
        self._routes = routes
        self._on: list[Fault] = []
        self._ids = itertools.count(1)

    def switch_on(
        self,
        name: str,
        *,
        times: int | None = None,
        match: str = "",
        each: int | None = None,
        params: dict[str, Any] | None = None,
    ) -> Fault:
        kind = self.catalogue.get(name)
        if kind is None or self.provider not in kind.providers:
            raise FaultError(f"{self.provider} has no fault {name!r}")
        strange = set(params or {}) - set(kind.defaults)
        if strange:
            raise FaultError(f"{name} takes {sorted(kind.defaults)}, not {sorted(strange)}")
        given = kind.defaults | (params or {})
        if "route" in given and given["route"] not in self._routes:
            raise FaultError(f"route is one of {self._routes}, not {given['route']!r}")
        fault = Fault(next(self._ids), name, given, times, match, each)
        self._on.append(fault)
        return fault

    def switch_off(self, fault_id: int | None = None) -> None:
        self._on = [fault for fault in self._on if fault_id is not None and fault.id != fault_id]

    def shown(self) -> list[dict[str, Any]]:
        return [asdict(fault) for fault in self._on]

    def strike(self, name: str, texts: Iterable[str] = (), *, route: str | None = None) -> dict[str, Any] | None:
        """The parameters of this fault if it strikes now, else None. Counts down."""
        if not self._on:
            return None
        texts = tuple(texts)
        for fault in self._on:
            wanted = fault.params.get("route", "any")
            if fault.name != name or (route and wanted not in ("any", route)) or not fault.fits(texts):
                continue
            if fault.lets_through():
                continue
            fault.count(texts)
            if fault.times is not None and fault.struck >= fault.times:
                self._on.remove(fault)
            return fault.params
        return None

    def strike_all(
        self, moment: Moment, texts: Iterable[str], *, route: str | None = None
    ) -> dict[str, dict[str, Any]]:
        """Every fault of this moment that strikes now, by name."""
        if not self._on:
            return {}
        texts = tuple(texts)
        names = {fault.name for fault in self._on if self.catalogue[fault.name].moment is moment}
        struck = {name: self.strike(name, texts, route=route) for name in names}
        return {name: params for name, params in struck.items() if params is not None}
