"""Everything that can go wrong on purpose at this Stripe, by name."""

from __future__ import annotations

from tests.simulators.faults import Kind, Moment

# Which requests a fault of the moments REQUEST and ACCEPTED strikes: any, those that read, those that write.
ROUTES = ("any", "read", "write")
HERE = ("stripe",)

CATALOGUE: dict[str, Kind] = {
    # Nothing is done
    "slow_response": Kind(
        Moment.REQUEST, "the answer waits (Stripe's seconds)", HERE, {"seconds": 1.0, "route": "any"}
    ),
    "drop_connection": Kind(Moment.REQUEST, "closed without an answer, nothing done", HERE, {"route": "any"}),
    "server_error": Kind(Moment.REQUEST, "5xx, nothing done", HERE, {"status": 500, "route": "any"}),
    "rate_limit": Kind(Moment.REQUEST, "429", HERE, {"route": "any"}),
    "bad_key": Kind(Moment.REQUEST, "the key is refused", HERE, {"route": "any"}),
    "not_json": Kind(Moment.REQUEST, "200 with an HTML page", HERE, {"route": "any"}),
    # Done, but the answer goes wrong
    "slow_work": Kind(
        Moment.ACCEPTED,
        "under way for so long (Stripe's seconds), its key in use",
        HERE,
        {"seconds": 1.0, "route": "write"},
    ),
    "lost_response": Kind(Moment.ACCEPTED, "done, then closed without an answer", HERE, {"route": "write"}),
    "server_error_after_work": Kind(
        Moment.ACCEPTED,
        "done, then 5xx; remembered: the idempotency key gives the 5xx from then on, as Stripe says",
        HERE,
        {"status": 500, "remembered": False, "route": "write"},
    ),
    # A payment
    "decline": Kind(
        Moment.JOB,
        "the card is refused, with these codes",
        HERE,
        {"code": "card_declined", "decline_code": "generic_decline"},
    ),
    "needs_authentication": Kind(Moment.JOB, "the bank wants to see the customer", HERE),
    # Webhooks
    "webhook_lost": Kind(Moment.LETTER, "never sent", HERE),
    "webhook_late": Kind(Moment.LETTER, "sent so many of Stripe's seconds later", HERE, {"seconds": 60.0}),
    "webhook_duplicate": Kind(Moment.LETTER, "sent so often", HERE, {"copies": 2}),
    "webhook_forged": Kind(Moment.LETTER, "sealed in one of the ways of FORGERIES", HERE, {"way": "wrong_secret"}),
}
