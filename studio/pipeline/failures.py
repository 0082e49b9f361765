"""Failure of a render: how it ends without a video, and what the customer reads then."""

from __future__ import annotations

from django.db import transaction

from billing.holds import holds
from studio.models import Render, RenderState
from studio.pipeline.notify import file_notice
from studio.pipeline.states import advance
from studio.providers.types import Failure, Fault

# What happened, in the customer's words. Whose fault it was and what it cost is said beside it by the page.
SENTENCES: dict[str, str] = {
    Fault.INPUT: "The provider could not use this portrait or this voice. Try another picture or recording.",
    Fault.MODERATION: "The provider's content check refused the portrait, the voice or the prompt.",
    Fault.PROVIDER: "The provider could not finish the video.",
    Fault.TIMEOUT: "The provider took too long and gave up.",
    Fault.RATE_LIMIT: "The provider was too busy to take the video.",
    Fault.QUOTA: "The provider is not available from this server at the moment. Whoever runs it has been told.",
    Fault.AUTH: "The provider is not available from this server at the moment. Whoever runs it has been told.",
    Fault.NOT_FOUND: "The provider has lost the video.",
    Fault.UNKNOWN: "The video could not be made, for a reason that the provider did not explain.",
}
OVERDUE = "The video took longer than we wait for one."
COPY_FAILED = "The provider made a video, but no complete copy of it could be had."
WORKER_FAILED = "Our own work on this video broke down several times."


def fail_render(render: Render, *, code: str, message: str, reason: str, failure: Failure | None = None) -> bool:
    """End the render as failed and give the hold back, in one transaction. False if somebody was first."""
    detail = {"fault": failure.fault, "code": failure.code, "message": failure.message} if failure else {}
    with transaction.atomic():
        won = advance(
            render, RenderState.FAILED, reason=reason, detail=detail, failure_code=code, failure_message=message
        )
        if won:
            release(render, reason="failed")
            file_notice(render)
    return won


def fail_by_provider(render: Render, failure: Failure) -> bool:
    return fail_render(
        render,
        code=failure.fault,
        message=SENTENCES[failure.fault],
        reason="the provider failed",
        failure=failure,
    )


def release(render: Render, *, reason: str) -> None:
    """Give back what is held for the render. The caller has moved its state in the same transaction."""
    holds.release_hold(render.hold, reason=reason)
