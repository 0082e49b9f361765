"""Tasks of the studio: ids in, one call into the pipeline, nothing out. Every one may run twice, late or never."""

from __future__ import annotations

from avatarsite.queue.worker import stopping
from studio import storage_audit
from studio.batches import check as checking
from studio.batches import make as making
from studio.captions import make as captioning
from studio.gateway import intake, webhooks
from studio.lifecycle import account, closing, old
from studio.lifecycle import export as exporting
from studio.pipeline import cancel as cancelling
from studio.pipeline import deliver as delivering
from studio.pipeline import spoken as speaking
from studio.pipeline.desk import balances, offer_days
from studio.pipeline.ingest import receive as ingesting
from studio.pipeline.long import sound as long_sound
from studio.pipeline.long import work as long_work
from studio.pipeline.watch import loop as watching
from studio.providers import handover
from studio.renditions import make as rendering_anew
from studio.speech import rounds
from studio.storage import ledger, local
from studio.uploads import direct, thumbnails


def watch() -> None:
    watching.watch(stopping=stopping)


def listen(*, voice_id: str) -> None:
    long_sound.listen_to(voice_id)


def whole(*, render_id: str) -> None:
    long_work.move_whole(render_id)


def ingest(*, render_id: str) -> None:
    ingesting.ingest_render(render_id)


def cancel(*, render_id: str) -> None:
    cancelling.cancel_at_provider(render_id)


def stop_overdue(*, render_id: str) -> None:
    cancelling.stop_overdue(render_id)


def abandon(*, job_id: str) -> None:
    cancelling.abandon(job_id)


def tell(*, render_id: str) -> None:
    webhooks.notify_client(render_id)


def captions(*, render_id: str) -> None:
    captioning.make_captions(render_id)


def rendition(*, rendition_id: str) -> None:
    rendering_anew.make_rendition(rendition_id)


def deliver(*, render_id: str) -> None:
    delivering.deliver_video(render_id)


def gateway_start(*, request_id: str) -> None:
    intake.start_request(request_id)


def gateway_webhook(*, webhook_id: int) -> None:
    webhooks.deliver_webhook(webhook_id)


def speak(*, speech_id: str) -> None:
    rounds.speak_on(speech_id)


def speak_here() -> None:
    rounds.speak_here()


def spoken(*, speech_id: str) -> None:
    speaking.move_on(speech_id)


def count_days() -> None:
    offer_days.count_days()


def ask_balances() -> None:
    balances.ask_balances()


def sweep_slots() -> None:
    direct.sweep_slots()


def sweep_files() -> None:
    ledger.sweep_files()


def verify_storage() -> None:
    storage_audit.check_storage()


def sweep_thumbnails() -> None:
    thumbnails.sweep_thumbnails()


def sweep_bucket() -> None:
    local.clear_forgotten()
    handover.clear_handed()


def export(*, export_id: str) -> None:
    exporting.make_export(export_id)


def keep_retention(*, workspace_id: str) -> None:
    old.keep_retention(workspace_id)


def move_closing(*, closing_id: str) -> None:
    closing.move_closing(closing_id)


def move_departure(*, departure_pk: int) -> None:
    account.move_departure(departure_pk)


def check_table(*, table_id: str) -> None:
    checking.check_table(table_id)


def make_table(*, table_id: str) -> None:
    making.make_table(table_id)
