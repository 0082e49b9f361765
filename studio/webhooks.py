"""Handlers of the providers' webhooks: they make the next check due now, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.db.models import Q
from django.utils import timezone

from avatarsite.inbox.models import InboundEvent
from avatarsite.inbox.sources import EventRejected
from avatarsite.queue.clock import as_others_tell
from studio.models import Outcome, ProviderJob
from studio.pipeline.submit import Claimed, record
from studio.pipeline.watch.wake import notify_watcher
from studio.providers import registry
from studio.providers.base import InvalidSignature
from studio.providers.types import Outcome as Answer
from studio.providers.types import Submission, WebhookNews


def event_id(source: str, headers: Mapping[str, str], query: Mapping[str, str], body: bytes) -> str:
    """The provider's own id of the event, unbelieved; empty when there is none to read."""
    return registry.provider(source).webhook_event_id(headers, query, body)


def act(event: InboundEvent) -> str:
    """Check the signature and nudge every job that the event speaks of."""
    news = _read(event)
    return "; ".join(_nudge(event.source, item) for item in news) or "It speaks of nothing that we know."


def _read(event: InboundEvent) -> Sequence[WebhookNews]:
    """Raises EventRejected. Our own clock being set is no fault of the provider's."""
    provider = registry.provider(event.source)
    refused = ""
    for moment in as_others_tell(event.received_at):
        try:
            return provider.read_webhook(event.headers, event.query, bytes(event.body), received_at=moment)
        except InvalidSignature as error:
            refused = refused or str(error)
    raise EventRejected(refused)


def _nudge(source: str, news: WebhookNews) -> str:
    named = Q(pk="")
    if news.reference:
        named |= Q(reference=news.reference)
    if news.provider_job_id:
        named |= Q(provider_job_id=news.provider_job_id)
    job = ProviderJob.objects.filter(named, offer__startswith=f"{source}:").first()
    if job is None:
        return "no such job"
    if job.outcome in (Outcome.PENDING, Outcome.UNKNOWN):
        return _found(job, news)
    due = ProviderJob.objects.filter(pk=job.pk, next_check_at__isnull=False).update(next_check_at=timezone.now())
    notify_watcher()
    return f"{job.pk} is checked now" if due else f"{job.pk} had ended"


def _found(job: ProviderJob, news: WebhookNews) -> str:
    """The answer to the submit was lost, and here is the job: the provider did accept it."""
    if not news.provider_job_id:
        return f"{job.pk} is not known to be accepted, and the webhook has no id for it"
    record(Claimed(job.render, job), Submission(Answer.ACCEPTED, provider_job_id=news.provider_job_id))
    return f"{job.pk} was accepted after all"
