"""What the queue calls: ids in, one call into the pipeline, nothing out. Every one may run twice, late or never."""

from __future__ import annotations

from avatarsite.stopping import stopping
from studio import file_audit, files, slots, storage, thumbnails
from studio.gateway import asking, letters
from studio.gateway import sweep as sweeping
from studio.pipeline import cancel as cancelling
from studio.pipeline import deliver as delivering
from studio.pipeline import ingest as ingesting
from studio.pipeline import overdue
from studio.pipeline import watch as watching


def watch() -> None:
    watching.watch(stopping=stopping)


def ingest(*, render_id: str) -> None:
    ingesting.ingest_render(render_id)


def cancel(*, render_id: str) -> None:
    cancelling.cancel_at_provider(render_id)


def stop_overdue(*, render_id: str) -> None:
    cancelling.stop_overdue(render_id)


def abandon(*, job_id: str) -> None:
    cancelling.abandon(job_id)


def tell(*, render_id: str) -> None:
    letters.tell_of(render_id)


def deliver(*, render_id: str) -> None:
    delivering.deliver_video(render_id)


def gateway_start(*, request_id: str) -> None:
    asking.start_request(request_id)


def gateway_letter(*, letter_id: int) -> None:
    letters.deliver_letter(letter_id)


def gateway_sweep() -> None:
    sweeping.sweep()


def sweep() -> None:
    overdue.sweep()


def sweep_slots() -> None:
    slots.sweep_slots()


def sweep_files() -> None:
    files.sweep_files()


def verify_storage() -> None:
    file_audit.look_at_storage()


def sweep_thumbnails() -> None:
    thumbnails.sweep_thumbnails()


def sweep_bucket() -> None:
    storage.clear_forgotten()
