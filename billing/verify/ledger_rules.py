"""The ledger's rules as queries: each gives the rows that break its rule, and so nothing when all is well.

The SQL is the dialect that SQLite and PostgreSQL share. ``sentence`` is filled with the row; ``money`` numbers those
of its columns that are micro-dollars.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rule:
    code: str
    sentence: str
    query: str
    money: tuple[int, ...] = ()


ACCOUNTS = (
    Rule(
        "posted_differs",
        "{0} says {1} posted, and its transfers make {2}.",
        """
        SELECT a.code, a.posted, COALESCE(t.total, 0) FROM billing_ledgeraccount a LEFT JOIN (
            SELECT account_id, SUM(change) AS total FROM (
                SELECT credit_id AS account_id, SUM(amount_micros) AS change FROM billing_transfer GROUP BY credit_id
                UNION ALL SELECT debit_id, -SUM(amount_micros) FROM billing_transfer GROUP BY debit_id
            ) both_sides GROUP BY account_id
        ) t ON t.account_id = a.id
        WHERE a.tracked AND a.posted <> COALESCE(t.total, 0)
        """,
        (1, 2),
    ),
    Rule(
        "held_differs",
        "{0} says {1} held, and its open holds make {2}.",
        """
        SELECT a.code, a.held, COALESCE(h.total, 0) FROM billing_ledgeraccount a LEFT JOIN (
            SELECT account_id, SUM(amount_micros) AS total FROM billing_hold WHERE state = 'open' GROUP BY account_id
        ) h ON h.account_id = a.id
        WHERE a.held <> COALESCE(h.total, 0)
        """,
        (1, 2),
    ),
    Rule(
        "overdrawn",
        "{0} is overdrawn: {1} posted, {2} held, {3} to stay.",
        """
        SELECT code, posted, held, floor FROM billing_ledgeraccount
        WHERE tracked AND (posted < held + floor OR held < 0)
        """,
        (1, 2, 3),
    ),
    Rule(
        "untracked_balance",
        "{0} is a platform account and must keep no running balance, and it says {1}.",
        "SELECT code, posted FROM billing_ledgeraccount WHERE NOT tracked AND (posted <> 0 OR held <> 0 OR seq <> 0)",
        (1,),
    ),
    Rule(
        "not_zero_sum",
        "All accounts together must make $0 and make {0}.",
        """
        SELECT * FROM (SELECT
            (SELECT COALESCE(SUM(posted), 0) FROM billing_ledgeraccount WHERE tracked)
            + (SELECT COALESCE(SUM(t.amount_micros), 0) FROM billing_transfer t
               JOIN billing_ledgeraccount a ON a.id = t.credit_id WHERE NOT a.tracked)
            - (SELECT COALESCE(SUM(t.amount_micros), 0) FROM billing_transfer t
               JOIN billing_ledgeraccount a ON a.id = t.debit_id WHERE NOT a.tracked) AS total
        ) sums WHERE total <> 0
        """,
        (0,),
    ),
)

LOTS = (
    Rule(
        "lots_differ",
        "{0} has {1} posted, and its lots of credit have {2} remaining.",
        """
        SELECT a.code, a.posted, COALESCE(l.total, 0) FROM billing_ledgeraccount a LEFT JOIN (
            SELECT account_id, SUM(remaining) AS total FROM billing_creditlot GROUP BY account_id
        ) l ON l.account_id = a.id
        WHERE a.tracked AND a.posted <> COALESCE(l.total, 0)
        """,
        (1, 2),
    ),
    Rule(
        "lot_differs",
        "Lot {0} of {1} says {2} remaining, and its transfers make {3}.",
        """
        SELECT l.id, a.code, l.remaining, COALESCE(t.total, 0) FROM billing_creditlot l
        JOIN billing_ledgeraccount a ON a.id = l.account_id LEFT JOIN (
            SELECT lot_id, SUM(CASE WHEN credit_id = owner_id THEN amount_micros ELSE -amount_micros END) AS total
            FROM billing_transfer WHERE lot_id IS NOT NULL GROUP BY lot_id
        ) t ON t.lot_id = l.id
        WHERE l.remaining <> COALESCE(t.total, 0)
        """,
        (2, 3),
    ),
    Rule(
        "lot_held_differs",
        "Lot {0} of {1} says {2} held, and the open holds on it make {3}.",
        """
        SELECT l.id, a.code, l.held, COALESCE(s.total, 0) FROM billing_creditlot l
        JOIN billing_ledgeraccount a ON a.id = l.account_id LEFT JOIN (
            SELECT s.lot_id, SUM(s.amount_micros) AS total FROM billing_holdlot s
            JOIN billing_hold h ON h.id = s.hold_id WHERE h.state = 'open' GROUP BY s.lot_id
        ) s ON s.lot_id = l.id
        WHERE l.held <> COALESCE(s.total, 0)
        """,
        (2, 3),
    ),
    Rule(
        "lot_out_of_bounds",
        "Lot {0} breaks its bounds: {1} held of {2} remaining of {3} granted.",
        """
        SELECT id, held, remaining, granted FROM billing_creditlot
        WHERE held < 0 OR held > remaining OR remaining > granted
        """,
        (1, 2, 3),
    ),
    Rule(
        "lot_not_funded",
        "Lot {0} was granted {1}, and the transfer that opened it is of {2}.",
        """
        SELECT l.id, l.granted, COALESCE(SUM(t.amount_micros), 0) FROM billing_creditlot l
        LEFT JOIN billing_transfer t ON t.lot_id = l.id AND t.kind IN ('grant', 'topup') AND t.credit_id = l.account_id
        GROUP BY l.id, l.granted HAVING l.granted <> COALESCE(SUM(t.amount_micros), 0)
        """,
        (1, 2),
    ),
)

TRANSFERS = (
    Rule(
        "transfer_amount",
        "Transfer {0} is of {1}; a transfer moves more than nothing.",
        "SELECT key, amount_micros FROM billing_transfer WHERE amount_micros <= 0",
        (1,),
    ),
    Rule(
        "transfer_to_itself",
        "Transfer {0} goes from an account to itself.",
        "SELECT key FROM billing_transfer WHERE debit_id = credit_id",
    ),
    Rule(
        "transfer_owner",
        "Transfer {0} moves {1} of a wallet and is not a line of it, or is a line of a wallet that it doesn't touch.",
        """
        SELECT t.key, t.amount_micros FROM billing_transfer t
        JOIN billing_ledgeraccount d ON d.id = t.debit_id JOIN billing_ledgeraccount c ON c.id = t.credit_id
        WHERE COALESCE(t.owner_id, 0) <> CASE WHEN d.tracked THEN d.id WHEN c.tracked THEN c.id ELSE 0 END
        """,
        (1,),
    ),
    Rule(
        "transfer_lot",
        "Transfer {0} is a line of one wallet and moves the credit of another.",
        """
        SELECT t.key FROM billing_transfer t JOIN billing_creditlot l ON l.id = t.lot_id
        WHERE t.owner_id IS NOT NULL AND l.account_id <> t.owner_id
        """,
    ),
    Rule(
        "key_twice",
        "The key {0} has {1} transfers; a key acts once.",
        "SELECT key, COUNT(*) FROM billing_transfer GROUP BY key HAVING COUNT(*) > 1",
    ),
    Rule(
        "reversal_differs",
        "Reversal {0} is not the mirror of what it reverses, {1}.",
        """
        SELECT r.key, t.key FROM billing_transfer r JOIN billing_transfer t ON t.id = r.reverses_id
        WHERE r.amount_micros <> t.amount_micros OR r.debit_id <> t.credit_id OR r.credit_id <> t.debit_id
        """,
    ),
    Rule(
        "reversed_twice",
        "Transfer {0} was reversed {1} times.",
        """
        SELECT t.key, COUNT(*) FROM billing_transfer r JOIN billing_transfer t ON t.id = r.reverses_id
        GROUP BY t.key HAVING COUNT(*) > 1
        """,
    ),
)

HOLDS = (
    Rule(
        "hold_state",
        "Hold {0} is {1} with {2} of {3} settled, which can't be.",
        """
        SELECT key, state, COALESCE(settled_micros, 0), amount_micros FROM billing_hold
        WHERE amount_micros < 0 OR NOT (
            (state = 'open' AND settled_micros IS NULL AND closed_at IS NULL)
            OR (state = 'settled' AND settled_micros BETWEEN 0 AND amount_micros AND closed_at IS NOT NULL)
            OR (state = 'released' AND settled_micros = 0 AND closed_at IS NOT NULL)
        ) OR (state <> 'open' AND settled_micros IS NULL)
        """,
        (2, 3),
    ),
    Rule(
        "hold_lots_differ",
        "Hold {0} is of {1}, and the lots behind it bear {2}.",
        """
        SELECT h.key, h.amount_micros, COALESCE(SUM(s.amount_micros), 0) FROM billing_hold h
        LEFT JOIN billing_holdlot s ON s.hold_id = h.id
        GROUP BY h.id, h.key, h.amount_micros HAVING h.amount_micros <> COALESCE(SUM(s.amount_micros), 0)
        """,
        (1, 2),
    ),
    Rule(
        "hold_lot_of_another",
        "Hold {0} is borne by lot {1}, which is another wallet's.",
        """
        SELECT h.key, l.id FROM billing_holdlot s JOIN billing_hold h ON h.id = s.hold_id
        JOIN billing_creditlot l ON l.id = s.lot_id WHERE l.account_id <> h.account_id
        """,
    ),
    Rule(
        "settle_differs",
        "Hold {0} is {1} with {2} settled, and its transfers make {3}.",
        """
        SELECT h.key, h.state, COALESCE(h.settled_micros, 0), COALESCE(SUM(t.amount_micros), 0) FROM billing_hold h
        LEFT JOIN billing_transfer t ON t.hold_id = h.id AND t.kind = 'settle'
        GROUP BY h.id, h.key, h.state, h.settled_micros
        HAVING COALESCE(h.settled_micros, 0) <> COALESCE(SUM(t.amount_micros), 0)
        """,
        (2, 3),
    ),
    Rule(
        "returned_differs",
        "Hold {0} says {1} given back of its charge, and the reversals of that make {2}.",
        """
        SELECT h.key, h.returned_micros, COALESCE(SUM(r.amount_micros), 0) FROM billing_hold h
        LEFT JOIN billing_transfer t ON t.hold_id = h.id AND t.kind = 'settle'
        LEFT JOIN billing_transfer r ON r.reverses_id = t.id
        WHERE h.returned_micros <> 0
        GROUP BY h.id, h.key, h.returned_micros HAVING h.returned_micros <> COALESCE(SUM(r.amount_micros), 0)
        """,
        (1, 2),
    ),
    Rule(
        "settled_twice",
        "Hold {0} was settled {1} times from lot {2}.",
        """
        SELECT h.key, COUNT(*), t.lot_id FROM billing_transfer t JOIN billing_hold h ON h.id = t.hold_id
        WHERE t.kind = 'settle' GROUP BY h.key, t.lot_id HAVING COUNT(*) > 1
        """,
    ),
    Rule(
        "settle_beyond_lot",
        "Transfer {0} takes {1} from a lot that bore {2} of its hold.",
        """
        SELECT t.key, t.amount_micros, COALESCE(s.amount_micros, 0) FROM billing_transfer t
        LEFT JOIN billing_holdlot s ON s.hold_id = t.hold_id AND s.lot_id = t.lot_id
        WHERE t.kind = 'settle' AND t.amount_micros > COALESCE(s.amount_micros, 0)
        """,
        (1, 2),
    ),
)

USAGE = (
    Rule(
        "usage_not_charged",
        "Usage of {0} says {1} charged, and its hold {2} is {3} with {4} settled.",
        """
        SELECT u.subject, u.amount_micros, h.key, h.state, COALESCE(h.settled_micros, 0) FROM billing_usage u
        JOIN billing_hold h ON h.id = u.hold_id
        WHERE h.state <> 'settled' OR u.amount_micros <> h.settled_micros
        """,
        (1, 4),
    ),
    Rule(
        "usage_wallet",
        "Usage of {0} belongs to another workspace than the hold that paid it.",
        """
        SELECT u.subject FROM billing_usage u JOIN billing_hold h ON h.id = u.hold_id
        JOIN billing_ledgeraccount a ON a.id = h.account_id WHERE COALESCE(a.workspace_id, '') <> u.workspace_id
        """,
    ),
    # The ceiling division of money.charge_micros, in integers.
    Rule(
        "usage_amount",
        "Usage of {0}, {1} ms, says {2} charged and {3} written off; its price makes {4} under a hold of {5}.",
        """
        SELECT * FROM (
            SELECT u.subject, u.measured_ms, u.amount_micros, u.write_off_micros,
                   (u.measured_ms * p.price_micros_per_second + 999) / 1000 AS due, h.amount_micros AS ceiling
            FROM billing_usage u JOIN billing_price p ON p.id = u.price_id JOIN billing_hold h ON h.id = u.hold_id
        ) sums
        WHERE amount_micros <> CASE WHEN due < ceiling THEN due ELSE ceiling END
           OR write_off_micros <> CASE WHEN due > ceiling THEN due - ceiling ELSE 0 END
        """,
        (2, 3, 4, 5),
    ),
    Rule(
        "usage_cost",
        "Usage of {0} says {1} of provider cost, and its transfers make {2}.",
        """
        SELECT u.subject, u.cost_micros, COALESCE(SUM(t.amount_micros), 0) FROM billing_usage u
        LEFT JOIN billing_transfer t ON t.subject = u.subject AND t.kind = 'provider_cost'
        GROUP BY u.subject, u.cost_micros HAVING u.cost_micros <> COALESCE(SUM(t.amount_micros), 0)
        """,
        (1, 2),
    ),
    Rule(
        "usage_write_off",
        "Usage of {0} says {1} written off, and its transfers make {2}.",
        """
        SELECT u.subject, u.write_off_micros, COALESCE(SUM(t.amount_micros), 0) FROM billing_usage u
        LEFT JOIN billing_transfer t ON t.subject = u.subject AND t.kind = 'writeoff'
        GROUP BY u.subject, u.write_off_micros HAVING u.write_off_micros <> COALESCE(SUM(t.amount_micros), 0)
        """,
        (1, 2),
    ),
)

BUDGETS = (
    Rule(
        "budget_differs",
        "The cap on {0} of {1} from {2} says {3} spent and {4} reserved; its holds make {5} and {6}.",
        """
        SELECT * FROM (
            SELECT p.scope, p.workspace_id, p.starts_at, p.spent_micros AS spent, p.reserved_micros AS reserved,
                   COALESCE(SUM(h.settled_micros - h.returned_micros), 0) AS settled,
                   COALESCE(SUM(CASE WHEN h.state = 'open' THEN h.amount_micros ELSE 0 END), 0) AS held
            FROM billing_budgetperiod p
            LEFT JOIN billing_ledgeraccount a ON a.workspace_id = p.workspace_id AND a.kind = 'wallet'
            LEFT JOIN billing_hold h ON h.account_id = a.id AND h.created_at >= p.starts_at AND h.created_at < p.ends_at
                AND p.scope IN ('workspace', 'project:' || h.project, 'member:' || h.member, 'token:' || h.token)
            GROUP BY p.id, p.scope, p.workspace_id, p.starts_at, p.spent_micros, p.reserved_micros
        ) sums WHERE spent <> settled OR reserved <> held
        """,
        (3, 4, 5, 6),
    ),
    Rule(
        "budget_exceeded",
        "The cap on {0} of {1} is {2}, and {3} is spent and {4} reserved.",
        """
        SELECT scope, workspace_id, cap_micros, spent_micros, reserved_micros FROM billing_budgetperiod
        WHERE spent_micros + reserved_micros > cap_micros + beyond_micros
        """,
        (2, 3, 4),
    ),
    Rule(
        "transfer_party",
        "Transfer {0} is told under another project, member or token than the hold that it settles.",
        """
        SELECT t.key FROM billing_transfer t JOIN billing_hold h ON h.id = t.hold_id
        WHERE t.project <> h.project OR t.member <> h.member OR t.token <> h.token
        """,
    ),
)

DAYS = (
    Rule(
        "usage_days_differ",
        "Usage of {0} by {1} is {2} in {3} videos, and its days make {4} in {5}.",
        """
        SELECT * FROM (
            SELECT u.workspace_id, d.dimension, u.amount, u.videos,
                   COALESCE((SELECT SUM(amount_micros) FROM billing_usageday x
                             WHERE x.workspace_id = u.workspace_id AND x.dimension = d.dimension), 0) AS days_amount,
                   COALESCE((SELECT SUM(videos) FROM billing_usageday x
                             WHERE x.workspace_id = u.workspace_id AND x.dimension = d.dimension), 0) AS days_videos
            FROM (SELECT p.workspace_id, SUM(p.amount_micros - h.returned_micros) AS amount, SUM(p.videos) AS videos
                  FROM billing_usage p JOIN billing_hold h ON h.id = p.hold_id GROUP BY p.workspace_id) u
            CROSS JOIN (SELECT 'offer' AS dimension UNION ALL SELECT 'project'
                        UNION ALL SELECT 'member' UNION ALL SELECT 'token') d
        ) sums WHERE amount <> days_amount OR videos <> days_videos
        """,
        (2, 4),
    ),
    Rule(
        "promotion_differs",
        "The code {0} counts {1} uses, and there are {2}.",
        """
        SELECT c.code, c.redeemed, COUNT(u.id) FROM billing_promotioncode c
        LEFT JOIN billing_promotionuse u ON u.code_id = c.id GROUP BY c.id, c.code, c.redeemed
        HAVING c.redeemed <> COUNT(u.id)
        """,
    ),
)

RULES = (*ACCOUNTS, *LOTS, *TRANSFERS, *HOLDS, *USAGE, *BUDGETS, *DAYS)
