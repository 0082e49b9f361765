"""The named stages of a render with their times, told from its history. No percentage is invented."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from avatarsite.db.compiled import Compiled
from studio.models import ProviderJob, Render, RenderEvent, RenderState
from studio.pipeline.cancel import is_stopping
from studio.pipeline.places import place_in_line
from studio.providers import registry

A_MOMENT = 30.0  # seconds; longer waits are told with their end
WAITING, NOW, DONE, FAILED = "waiting", "now", "done", "failed"

# What a customer reads, in the order in which it happens.
LABELS: dict[str, str] = {
    RenderState.SPEAKING: "Speaking the script",
    RenderState.QUEUED: "Waiting for its turn",
    RenderState.SUBMITTING: "Sending to the provider",
    RenderState.RENDERING: "Rendering",
    RenderState.INGESTING: "Copying and checking",
    RenderState.READY: "Ready",
}


# Of a long video, whose parts have stages of their own.
LABELS_OF_WHOLE: dict[str, str] = {
    RenderState.QUEUED: "Cutting the voice",
    RenderState.RENDERING: "Making the parts",
    RenderState.JOINING: "Joining the parts",
    RenderState.READY: "Ready",
}


def labels_of(render: Render) -> dict[str, str]:
    return LABELS_OF_WHOLE if render.is_whole else LABELS


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage: ``state`` is waiting, now, done or failed; ``percent`` only where the provider says so."""

    name: str
    label: str
    state: str
    started_at: datetime | None = None
    ended_at: datetime | None = None
    note: str = ""
    percent: int | None = None

    @property
    def seconds(self) -> float | None:
        if self.started_at is None or self.ended_at is None:
            return None
        return (self.ended_at - self.started_at).total_seconds()


@dataclass(frozen=True, slots=True)
class Move:
    """A change of provider before any had taken the video; names as on pages."""

    left: str
    taken_up: str
    at: datetime
    reason: str


def moves(history: Iterable[RenderEvent]) -> list[Move]:
    """From which provider to which the video was moved, oldest first."""
    found = []
    for event in history:
        left, taken_up = (registry.find(event.detail.get(end, "")) for end in ("from", "to"))
        if left and taken_up:
            found.append(Move(left.provider_label, taken_up.provider_label, event.at, event.reason))
    return found


_history = Compiled(RenderEvent, lambda render: RenderEvent.objects.filter(render=render).order_by("pk"))
_last_job = Compiled(
    ProviderJob,
    lambda render: ProviderJob.objects.filter(render=render).order_by("-attempt")[:1],
    columns=("id", "offer", "progress", "queue_position"),
)


def history_of(render: Render) -> list[RenderEvent]:
    """Oldest first."""
    return list(_history(render=render.pk))


def stages(render: Render, history: Iterable[RenderEvent] | None = None) -> list[Stage]:
    """The stages of ``render``, with the times of the last pass through each."""
    entered = _entered(render, history_of(render) if history is None else history)
    job = next(_last_job(render=render.pk), None)
    order = [name for name in labels_of(render) if name != RenderState.SPEAKING or name in entered]
    reached = [name for name in order if name in entered]
    last = reached[-1] if reached else order[0]
    return [_stage(render, name, entered, last, job) for name in order]


def _entered(render: Render, history: Iterable[RenderEvent]) -> dict[str, tuple[datetime, datetime | None]]:
    """When each state was last entered and left."""
    times: dict[str, tuple[datetime, datetime | None]] = {}
    for event in history:
        if event.from_state == event.to_state:
            continue
        if event.from_state in times:
            times[event.from_state] = (times[event.from_state][0], event.at)
        times[event.to_state] = (event.at, None)
        _undo_later(times, event, list(labels_of(render)))
    return times


def _undo_later(times: dict[str, tuple[datetime, datetime | None]], event: RenderEvent, order: list[str]) -> None:
    """A step back (to the queue, to rendering) takes the later stages off the board again."""
    if event.to_state in order:
        for later in order[order.index(event.to_state) + 1 :]:
            times.pop(later, None)


def _stage(
    render: Render,
    name: str,
    entered: dict[str, tuple[datetime, datetime | None]],
    last: str,
    job: ProviderJob | None,
) -> Stage:
    (started, ended), label = entered.get(name, (None, None)), labels_of(render)[name]
    if started is None:
        return Stage(name, label, WAITING)
    if name == RenderState.READY:
        return Stage(name, label, DONE, started, started)
    if name == last and render.ended and render.state != RenderState.READY:
        return Stage(name, label, FAILED, started, render.finished_at)
    if name != last:
        return Stage(name, label, DONE, started, ended)
    if render.is_whole:
        return Stage(name, label, NOW, started, None, _note_of_whole(render, name))
    return Stage(name, label, NOW, started, None, _note(render, name, job), _percent(name, job))


def _note_of_whole(render: Render, name: str) -> str:
    if render.cancel_requested_at:
        return "It is being stopped."
    if name != RenderState.RENDERING:
        return ""
    made = render.parts.filter(render__state=RenderState.READY).count()
    return f"{made} of {render.parts_total} are made."


def _note(render: Render, name: str, job: ProviderJob | None) -> str:
    if name == RenderState.SUBMITTING and render.unconfirmed:
        return _in_doubt(render)
    if name == RenderState.QUEUED:
        return _in_the_queue(render, job)
    if name == RenderState.INGESTING and render.tries > 1:
        return "The copy is being made again."
    if name == RenderState.RENDERING and job is not None:
        if is_stopping(render):
            return "It is being stopped."
        if job.queue_position:
            return f"Number {job.queue_position} in the queue of {registry.provider_label(job.offer)}."
        offer = registry.find(job.offer)
        at_home = offer is not None and offer.provider == "local"
        where = "On this server" if at_home else f"At {registry.provider_label(job.offer)}"
        return f"{where}, which says {job.progress} %." if job.progress else f"{where}."
    return ""


def _in_the_queue(render: Render, job: ProviderJob | None) -> str:
    """Why it still waits: it has been turned away, or its provider is paused."""
    wait = (render.next_try_at - timezone.now()).total_seconds() if render.next_try_at else 0.0
    again = f"at {render.next_try_at:%H:%M} UTC" if wait > A_MOMENT else "in a moment"
    if job is not None:
        return f"{registry.provider_label(job.offer)} would not take it just now; it is sent again {again}."
    if wait > A_MOMENT:
        return f"{registry.provider_label(render.offer)} can't take it at the moment; it is sent {again}."
    return _in_line(render)


def _in_line(render: Render) -> str:
    """Its place among those that wait for the same provider; nothing where it is next, and sent in a moment."""
    place = place_in_line(render)
    if place is None or (place.number == 1 and not place.seconds):
        return ""
    number = "Next in line" if place.number == 1 else f"Number {place.number} in line"
    whose = "this server" if render.offer.startswith("local:") else registry.provider_label(render.offer)
    if place.seconds is None:
        return f"{number} for {whose}."
    seconds = max(5, 5 * round(place.seconds / 5))
    about = f"{seconds} seconds" if seconds < 100 else f"{round(seconds / 60)} minutes"
    return f"{number} for {whose}; its turn comes in about {about}."


def _in_doubt(render: Render) -> str:
    label = registry.provider_label(render.offer)
    left = (render.deadline_at - timezone.now()).total_seconds() if render.deadline_at else 0.0
    minutes = max(1, math.ceil(left / 60))
    return (
        f"{label} has not confirmed yet that it took the video. It is asked again, and nothing is sent twice. "
        f"Your money stays on hold until it is known, or comes back in {minutes} minute{'s' if minutes > 1 else ''}."
    )


def _percent(name: str, job: ProviderJob | None) -> int | None:
    return job.progress if name == RenderState.RENDERING and job is not None else None
