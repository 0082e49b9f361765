"""Rules between Stripe's rows and the ledger, as queries like those of ``ledger_rules.py``."""

from __future__ import annotations

from billing.verify.ledger_rules import Rule

# What a refund or a dispute has moved: into its own account, and from there out to Stripe. Fees are told apart.
_MOVED = """
COALESCE(SUM(CASE WHEN c.code = '{account}' THEN t.amount_micros
                  WHEN d.code = '{account}' THEN -t.amount_micros ELSE 0 END), 0) AS waiting,
COALESCE(SUM(CASE WHEN c.code = 'stripe_clearing' THEN t.amount_micros
                  WHEN d.code = 'stripe_clearing' THEN -t.amount_micros ELSE 0 END), 0) AS gone
"""

STRIPE = (
    Rule(
        "topup_not_credited",
        "Top-up {0} is {1}, which makes {2} of credit, and the transfer of its payment is of {3}.",
        """
        SELECT * FROM (
            SELECT u.id, u.state, CASE WHEN u.state = 'paid' THEN u.amount_cents * 10000 ELSE 0 END AS due,
                   COALESCE(t.amount_micros, 0) AS credited
            FROM billing_topup u LEFT JOIN billing_transfer t ON t.key = 'stripe:' || u.payment_intent_id
                AND t.kind = 'topup' AND t.subject = 'topup:' || u.id
        ) sums WHERE due <> credited
        """,
        (2, 3),
    ),
    Rule(
        "credit_without_topup",
        "Transfer {0} credits {1} for a payment, and no top-up that is paid names it.",
        """
        SELECT t.key, t.amount_micros FROM billing_transfer t LEFT JOIN billing_topup u ON u.lot_id = t.lot_id
        WHERE t.kind = 'topup' AND (u.id IS NULL OR u.state <> 'paid')
        """,
        (1,),
    ),
    Rule(
        "refund_differs",
        "Refund {0} is {1}: {2} must wait and {3} be paid out, and its transfers make {4} and {5}.",
        f"""
        SELECT id, state, waiting_due, gone_due, waiting, gone FROM (
            SELECT r.id, r.state,
                   CASE WHEN r.state IN ('requested', 'pending') THEN r.credit_micros ELSE 0 END AS waiting_due,
                   CASE WHEN r.state = 'succeeded' THEN r.credit_micros ELSE 0 END AS gone_due,
                   {_MOVED.format(account="refunds")}
            FROM billing_refund r LEFT JOIN billing_transfer t ON t.subject = 'refund:' || r.id
            LEFT JOIN billing_ledgeraccount d ON d.id = t.debit_id
            LEFT JOIN billing_ledgeraccount c ON c.id = t.credit_id
            GROUP BY r.id, r.state, r.credit_micros
        ) sums WHERE waiting <> waiting_due OR gone <> gone_due
        """,  # noqa: S608 -- made of this file's own words  # nosec
        (2, 3, 4, 5),
    ),
    Rule(
        "dispute_differs",
        "Dispute {0} is {1}: {2} must wait and {3} be gone, and its transfers make {4} and {5}.",
        f"""
        SELECT stripe_id, state, waiting_due, gone_due, waiting, gone FROM (
            SELECT r.stripe_id, r.state,
                   CASE WHEN r.state = 'open' THEN r.credit_micros ELSE 0 END AS waiting_due,
                   CASE WHEN r.state = 'lost' THEN r.credit_micros ELSE 0 END AS gone_due,
                   {_MOVED.format(account="disputes")}
            FROM billing_dispute r
            LEFT JOIN billing_transfer t ON t.subject = 'dispute:' || r.id AND t.kind <> 'adjust'
            LEFT JOIN billing_ledgeraccount d ON d.id = t.debit_id
            LEFT JOIN billing_ledgeraccount c ON c.id = t.credit_id
            GROUP BY r.stripe_id, r.state, r.credit_micros
        ) sums WHERE waiting <> waiting_due OR gone <> gone_due
        """,  # noqa: S608 -- made of this file's own words  # nosec
        (2, 3, 4, 5),
    ),
    Rule(
        "given_back_beyond_topup",
        "Of top-up {0}, {1} of credit, {2} is refunded, disputed or lost.",
        """
        SELECT * FROM (
            SELECT u.id, u.amount_cents * 10000 AS bought,
                   COALESCE((SELECT SUM(credit_micros) FROM billing_refund r WHERE r.top_up_id = u.id
                             AND r.state IN ('requested', 'pending', 'succeeded')), 0)
                   + COALESCE((SELECT SUM(credit_micros) FROM billing_dispute p WHERE p.top_up_id = u.id
                               AND p.state IN ('open', 'lost')), 0) AS gone
            FROM billing_topup u
        ) sums WHERE gone > bought
        """,
        (1, 2),
    ),
    Rule(
        "owes_less_than_nothing",
        "{0} makes {1}: more was collected or given up than was owed.",
        """
        SELECT a.code, SUM(CASE WHEN t.debit_id = a.id THEN t.amount_micros ELSE -t.amount_micros END)
        FROM billing_ledgeraccount a JOIN billing_transfer t ON t.debit_id = a.id OR t.credit_id = a.id
        WHERE SUBSTR(a.code, 1, 11) = 'receivable:' GROUP BY a.code
        HAVING SUM(CASE WHEN t.debit_id = a.id THEN t.amount_micros ELSE -t.amount_micros END) < 0
        """,
        (1,),
    ),
    Rule(
        "disputed_and_not_frozen",
        "{0} is not frozen, though dispute {1} is open.",
        """
        SELECT a.code, p.stripe_id FROM billing_dispute p JOIN billing_topup u ON u.id = p.top_up_id
        JOIN billing_ledgeraccount a ON a.workspace_id = u.workspace_id AND a.kind = 'wallet'
        WHERE p.state = 'open' AND a.frozen_at IS NULL
        """,
    ),
)
