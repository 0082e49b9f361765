"""Types of events that customers' programs are told about."""

from __future__ import annotations

KINDS: dict[str, str] = {
    "render.queued": "A video was asked for.",
    "render.rendering": "A provider has begun to make it.",
    "render.late": "It takes longer than nine in ten at its provider. It goes on, and nothing is charged yet.",
    "render.ready": "It is ready, and charged.",
    "render.withheld": "The people who run the service withhold it: nobody is given its files.",
    "render.released": "It was withheld, and is given out now.",
    "render.captioned": "Captions that were asked for are there, or could not be made.",
    "render.reviewed": "A guest of a share link has commented on it, approved it or asked for a change.",
    "render.failed": "It could not be made. Nothing was charged.",
    "render.cancelled": "It was stopped. Nothing was charged.",
    "balance.low": "The credit has fallen below its mark.",
    "topup.succeeded": "Credit was added.",
    "budget.reached": "A monthly cap is used to 50, 80 or 100 %, each once a month.",
}
TEST = "webhook.test"
EVERY = "*"  # in an endpoint's kinds: all of them, and those that come later
