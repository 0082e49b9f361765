"""What the three stand-ins share: a job's way from acceptance to its letters, and the doors that faults go through."""

from __future__ import annotations

import asyncio
import struct
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any
from uuid import uuid4

from aiohttp import web

from tests.simulators.clock import Clock
from tests.simulators.faults import FaultBoard, Moment
from tests.simulators.inputs import InputError, Inputs, Larder, Limits
from tests.simulators.jobs import Job, JobBook, Line, Phase, Take, steps_for
from tests.simulators.letters import Letters, Manners
from tests.simulators.media import FORMATS, Film, FilmStore
from tests.simulators.settings import Settings
from tests.support.boxes import digest_of_film

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
TAKE_LAG = 0.15  # each further take of one job is done this share of the run later
TROUBLES = ("bad_key", "forbidden", "rate_limit", "server_error", "ingress_error", "not_json")
TROUBLES_OF_ROUTE = {"submit": ("out_of_credit", "refused"), "upload": ("upload_fails",)}
HTML = "<html><head><title>Attention</title></head><body><h1>It works!</h1></body></html>"


class DropError(Exception):
    """Close the connection without an answer."""


class TroubleError(Exception):
    """A fault that the provider puts into its own words."""

    def __init__(self, name: str, params: dict[str, Any], texts: Iterable[str] = ()) -> None:
        super().__init__(name)
        self.name = name
        self.params = params
        self.texts = tuple(texts)


class Provider(ABC):
    """One stand-in. Subclasses speak the protocol; times are of ``clock``."""

    name: str
    ready_made_formats = "mp4"

    def __init__(self, folder: Path, films: FilmStore, settings: Settings, speed: float) -> None:
        self.settings = settings
        self.default_settings = settings.shown()
        self.folder = folder
        self.films = films
        self.clock = Clock(speed)
        self.jobs = JobBook()
        self.line = Line(self.clock, self._begin)
        self.faults = FaultBoard(self.name)
        self.larder = Larder(folder, self.stored_file)
        self.letters = Letters(self.clock, self.manners)
        self.requests: Counter[str] = Counter()
        self.keys_leaked_to_files = 0
        self.spent_usd = 0.0
        self.file_base = ""  # where result files are served; known once the ports are
        self._work: set[asyncio.Task[None]] = set()

    # --- What each provider says in its own way

    @abstractmethod
    def stored_file(self, source: str) -> Path | None:
        """The file that was uploaded to us under this id, if any."""

    @abstractmethod
    def manners(self) -> Manners: ...

    @abstractmethod
    def failure_of(self, job: Job, refused: InputError) -> dict[str, Any]:
        """What a job says whose input was refused."""

    @abstractmethod
    def planned_failure(self, job: Job) -> dict[str, Any] | None:
        """What a job says that fails by a fault, or None if it does well."""

    @abstractmethod
    def price_of(self, job: Job) -> float:
        """US dollars for the reported length."""

    @abstractmethod
    def trouble(self, trouble: TroubleError) -> web.StreamResponse:
        """A request-level fault as an answer of this provider."""

    def on_take(self, job: Job, take: Take) -> None:  # noqa: B027 - most have nothing to do
        """One result is there."""

    def on_finished(self, job: Job) -> None:  # noqa: B027 - most have nothing to do
        """The job is over, well or not."""

    def limits(self) -> Limits:
        given = self.settings
        return Limits(
            least_side=given.least_image_side,
            most_side=given.most_image_side or None,
            seconds=(given.least_voice_seconds, given.most_voice_seconds),
        )

    def film_of(self, job: Job) -> Film:
        steps = job.steps
        if "short_video" in job.faults:
            steps = max(1, int(steps * job.faults["short_video"]["share"]))
        inputs = job.inputs or Inputs(None, None, 0)
        return Film(
            steps=steps,
            portrait=inputs.portrait,
            voice=inputs.voice,
            picture="blind_video" not in job.faults,
            sound="silent_video" not in job.faults,
            padding=self.settings.padding_bytes,
        )

    async def made(self, job: Job) -> tuple[Path, str]:
        """The result's file, and its content type."""
        film = self.film_of(job)
        path = await self.films.get(film)
        if self.settings.own_films:
            path = await asyncio.to_thread(self._of_its_own, path, job)
        return path, FORMATS[film.format].content_type

    def _of_its_own(self, film: Path, job: Job) -> Path:
        """A copy that names the job in its last box."""
        path = self.folder / f"own-{job.takes[0].file_name}"
        if not path.exists():
            mark = job.id.encode()
            content = film.read_bytes() + struct.pack(">I4s", 8 + len(mark), b"free") + mark
            job.notes["film"] = digest_of_film(content)
            written = path.with_suffix(f".{uuid4().hex}")  # two may ask at once
            written.write_bytes(content)
            written.rename(path)
        return path

    # --- The way of a job

    def accept(self, job: Job) -> None:
        job.accepted_at = self.clock.now()
        job.accepted_wall = time.time()
        struck = self.faults.strike_all(Moment.JOB, job.texts)
        job.faults = {name: dict(params) for name, params in struck.items()}
        job.queue_seconds = self.settings.queue_seconds
        job.run_seconds = self.line.jittered(self.settings.run_seconds, self.settings.run_jitter)
        job.run_seconds += job.faults.get("slow_run", {}).get("seconds", 0.0)
        self.line.places = self.settings.places
        self.jobs.add(job)
        self.line.enter(job)

    def _begin(self, job: Job) -> None:
        if self.settings.inputs == "assume":
            self._proceed(job, Inputs(None, None, self.settings.assumed_voice_seconds))
            return
        task = asyncio.get_running_loop().create_task(self._fetch_inputs(job))
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    async def _fetch_inputs(self, job: Job) -> None:
        try:
            inputs = await self.larder.gather(job.portrait, job.voice, self.limits())
        except InputError as refused:
            if job.phase is Phase.RUNNING:
                self.fail(job, self.failure_of(job, refused))
            return
        if job.phase is Phase.RUNNING:
            self._proceed(job, inputs)

    def _proceed(self, job: Job, inputs: Inputs) -> None:
        job.inputs = inputs
        job.steps = steps_for(inputs.voice_seconds, self.settings.length, self.settings.extra_steps)
        if "stuck" in job.faults or job.started_at is None:
            return
        for number, take in enumerate(job.takes):
            due = job.started_at + job.run_seconds * (1 + TAKE_LAG * number)
            job.alarms.append(self.clock.at(due, lambda take=take: self._take_done(job, take)))

    def _take_done(self, job: Job, take: Take) -> None:
        failure = self.planned_failure(job)
        if failure is not None:
            self.fail(job, failure)
            return
        take.done_at = self.clock.now()
        is_last = all(other.done_at is not None for other in job.takes)
        if is_last:
            self._close(job, Phase.SUCCEEDED)
            self.spent_usd += self.price_of(job)
        self.on_take(job, take)
        if is_last:
            self.on_finished(job)

    def fail(self, job: Job, failure: dict[str, Any], phase: Phase = Phase.FAILED) -> None:
        job.failure = failure
        self._close(job, phase)
        self.on_finished(job)

    def _close(self, job: Job, phase: Phase) -> None:
        was_running = job.phase is Phase.RUNNING
        job.phase = phase
        job.finished_at = self.clock.now()
        job.finished_wall = time.time()
        job.silence()
        job.over.set()
        if was_running:
            self.line.free()

    def finish_now(self, job: Job, failing: dict[str, Any] | None = None) -> None:
        """Bring a job to its end at once; ``failing`` are the parameters of the fault ``fail``."""
        if job.phase.is_final:
            return
        job.faults.pop("stuck", None)
        if failing is not None:
            job.faults["fail"] = failing
        job.run_seconds = 0.0
        job.silence()
        if job.phase is Phase.QUEUED:
            self.line.start_now(job)
        elif job.inputs is not None:
            for take in [take for take in job.takes if take.done_at is None]:
                if not job.phase.is_final:
                    self._take_done(job, take)

    # --- The doors that faults go through

    async def gate(self, route: str, texts: Iterable[str] = ()) -> None:
        """Count one request of this route, and let a fault of this moment strike."""
        self.requests[route] += 1
        texts = tuple(texts)
        slow = self.faults.strike("slow_response", texts, route=route)
        if slow:
            await asyncio.sleep(slow["seconds"])
        if self.faults.strike("drop_connection", texts, route=route) is not None:
            raise DropError
        for name in (*TROUBLES, *TROUBLES_OF_ROUTE.get(route, ())):
            params = self.faults.strike(name, texts, route=route)
            if params is not None:
                raise TroubleError(name, params, texts)

    async def after_accept(self, job: Job) -> bool:
        """Let what goes wrong after acceptance go wrong. True if the answer shall lack the job's id."""
        struck = self.faults.strike_all(Moment.ACCEPTED, job.texts)
        if "webhook_before_answer" in struck:
            self.finish_now(job)
            await job.over.wait()
            await self.letters.settled()
        if "slow_accept" in struck:
            await asyncio.sleep(struck["slow_accept"]["seconds"])
        if "lost_response" in struck:
            raise DropError
        if "server_error_after_accept" in struck:
            params = struck["server_error_after_accept"] | {"retry_after": None}
            raise TroubleError("server_error", params, job.texts)
        if "garbled_accept" in struck:
            raise TroubleError("not_json", {}, job.texts)
        return "answer_without_id" in struck

    @web.middleware
    async def doorkeeper(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except DropError:
            if request.transport is not None:
                request.transport.close()
            return web.Response(status=499)
        except TroubleError as trouble:
            if trouble.name == "not_json":
                return web.Response(text=HTML, content_type="text/html")
            return self.trouble(trouble)

    # --- Beginning, end and fresh start

    async def open(self) -> None:
        await self.larder.open()
        await self.letters.open()

    async def close(self) -> None:
        self.reset()
        await self.letters.close()
        await self.larder.close()

    def reset(self) -> None:
        """As on the first day, but for the clock's speed."""
        for task in list(self._work):
            task.cancel()
        self.clock.forget()
        self.jobs.clear()
        self.line.clear()
        self.letters.clear()
        self.faults.switch_off()
        self.requests.clear()
        self.settings.apply(self.default_settings)
        self.keys_leaked_to_files = 0
        self.spent_usd = 0.0
