"""Kinds of alert, one table: what has happened, what to do about it, and which rule closes it.

``raise_alert`` takes no other kind, ``close_alert`` none that a person has to close. docs/operations.md lists the same.
"""

from __future__ import annotations

from dataclasses import dataclass


class UnknownAlertKind(LookupError):
    """Code raised or closed an alert that the table does not have so: a bug."""


@dataclass(frozen=True, slots=True)
class AlertKind:
    """``closes`` is the rule that closes it by itself; empty when only a person does."""

    title: str
    what_to_do: str
    closes: str = ""

    @property
    def how_it_closes(self) -> str:
        return f"It closes by itself {self.closes}." if self.closes else "Close it when that is done."


KINDS: dict[str, AlertKind] = {
    # --- The service ---
    "queue_still": AlertKind(
        "The queue stands still",
        "Look whether `manage.py worker` runs and what it last logged, and start it again. Nothing is lost: its first "
        "sweep brings home what has waited.",
        "when every cluster shows a sign of life",
    ),
    "task_failed": AlertKind(
        "A task of the queue failed",
        "Read its trace in the alert's detail. What it was about stays due and is tried again; if it keeps failing, "
        "mend the cause that the trace names.",
        "when the same task goes well",
    ),
    "not_done": AlertKind(
        "A row could not be acted upon",
        "Open the row that it names and read the trace in the detail. All others had their turn: mend what is wrong "
        "with this one.",
        "when the same can be done for the row",
    ),
    "clock_stepped": AlertKind(
        "The clock of a host was set",
        "Look at its time service (chrony, systemd-timesyncd) and at its time now. While it is wrong, a bucket and "
        "Stripe may not believe what it signs or reads; nothing is lost.",
    ),
    "proxies": AlertKind(
        "A proxy is not counted",
        "Set TRUSTED_PROXIES to the number of proxies of yours in front, and start the web processes again.",
    ),
    "webhook": AlertKind(
        "An incoming webhook could not be handled",
        "Open it under Incoming webhooks, read its outcome, mend the cause, and use Handle again.",
    ),
    "mail_given_up": AlertKind(
        "A mail was given up",
        "Read the server's words under Mail messages. Mend EMAIL_URL or the address, then use Send again.",
    ),
    # --- Renders and providers ---
    "offer_paused": AlertKind(
        "An offer is paused",
        "If it says quota or auth: top up the account at the provider, or set a good key, then use Close the circuit "
        "now under Offers. Otherwise wait: it is tried again by itself, and renders go to the next offer meanwhile.",
        "when a render goes well there, or somebody closes the circuit",
    ),
    "unknown_status": AlertKind(
        "A provider says what we do not know",
        "The job stays watched. Read what it said in the message, and add the status to the provider's table.",
    ),
    "submit_unknown": AlertKind(
        "A provider does not say whether it took a render",
        "Look for the job's reference on the provider's own pages. The money stays held until it is known or overdue.",
    ),
    "speech_refused": AlertKind(
        "A voice's provider takes no scripts of ours",
        "Its account is empty or its key is bad: look at both, as for its videos. Scripts fail meanwhile, for nothing.",
    ),
    "accepted_late": AlertKind(
        "A provider took a render that had ended",
        "We pay for it and the customer does not. Look at the provider's delays if this comes often.",
    ),
    "length_drift": AlertKind(
        "A video's length is not what the provider said",
        "Compare the video with the provider's bill. The customer was charged by what we measured.",
    ),
    "long_video": AlertKind(
        "A long video could not be cut or joined",
        "Read the workers' log of that time. Its parts are kept: once it is mended, Try again on its page costs "
        "nothing for them. Give the charge back if it can't be mended.",
    ),
    "not_signed": AlertKind(
        "A video could not be signed",
        "It is delivered without its papers. Read why in the message: if it is about the certificate or its key, give "
        "a good pair (C2PA_CERTIFICATES, C2PA_PRIVATE_KEY).",
    ),
    "misuse_report": AlertKind(
        "Somebody reports a video",
        "Open it under Reports of misuse, look at the video, and take its links down or withhold it at once if it may "
        "harm somebody. Then close the report: acted upon, or dismissed.",
        "when every report about the video is decided",
    ),
    "storage": AlertKind(
        "Stored files and their rows differ",
        "Run manage.py verify_storage and read its sentences; with --mend the count follows what is stored.",
        "when a nightly check finds none of this kind",
    ),
    # --- Money ---
    "ledger": AlertKind(
        "The ledger breaks a rule",
        "Move no money by hand. Run manage.py verify_ledger and read its sentences; a correction is a new transfer.",
        "when a nightly check finds the rule kept",
    ),
    "balance_low": AlertKind(
        "Little money is left at a provider",
        "Top up the account at the provider, before its offers pause. What counts as little is LOW_BALANCE_DOLLARS.",
        "when the provider tells of enough again",
    ),
    "cost_drift": AlertKind(
        "A provider charges other than the price book says",
        "Look at the provider's price list, open the offer, then its price, and use New price.",
        "when a day is clean, if it is of an offer; a single job's stays until a person closes it",
    ),
    "stripe_mismatch": AlertKind(
        "What Stripe has is not what we asked for",
        "Nothing was credited or taken. Compare the object in Stripe with its top-up, and decide it under Top-ups.",
        "when its top-up is decided",
    ),
    "stripe_reconcile": AlertKind(
        "Stripe and the ledger differed",
        "Read the sentences. What a lost webhook left out is booked; for the rest run manage.py reconcile_stripe.",
        "when a night finds nothing",
    ),
    "stripe_dispute": AlertKind(
        "A payment is disputed",
        "Answer it in Stripe before it is due. After a loss, look at the customer and let the wallet go on, or not.",
        "when the dispute is won or the inquiry ends",
    ),
    "stripe_refund": AlertKind(
        "A refund did not go through",
        "Read why in Stripe, and agree with the customer on another way to pay it back.",
    ),
    "stripe_auto_topup": AlertKind(
        "An automatic top-up was refused by Stripe",
        "Read Stripe's words in the message; they are about our request, not about the card.",
    ),
    "stripe_unknown": AlertKind(
        "Stripe uses a state that we do not know",
        "Nothing was booked. Look the object up in Stripe, and add the state to the table in billing.",
    ),
    "stripe_unknown_event": AlertKind(
        "Stripe sends an event that nothing here reads",
        "Set the event destination in Stripe as docs/billing.md says.",
    ),
    "stripe_api_version": AlertKind(
        "Stripe's webhooks are of another API version",
        "Set the version of the event destination in Stripe to the one in the message.",
    ),
}


def kind_of(kind: str) -> AlertKind:
    """Raises UnknownAlertKind."""
    try:
        return KINDS[kind]
    except KeyError:
        raise UnknownAlertKind(f"{kind!r} is not in KINDS ({__name__}); give it a row there.") from None
