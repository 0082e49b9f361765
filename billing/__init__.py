"""Billing: prepaid credit, what a video costs, and the books of both. ``docs/billing.md`` has the rules.

Money is integer micro-dollars in a double-entry ledger of one-row transfers (debit account -> credit account). A wallet
gains by a credit and pays by a debit. The chart of accounts (``ledger/accounts.py``):

- ``wallet:<workspace>``: the credit of a workspace, made of lots. The only accounts with a running balance.
- ``stripe_clearing``, ``stripe_fees``: what Stripe holds for us, and what it keeps. Top-ups come from the first.
- ``grants``: credit given away: by an operator, by a promotion code, as a welcome.
- ``revenue``: charges of videos. ``breakage``: credit that has expired. ``write_off``: what is given up.
- ``provider_cost``, ``provider_payable:<provider>``: what a video costs us, and to whom it is owed.
- ``refunds``, ``disputes``: payments on their way back. ``receivable:<workspace>``: their credit that was spent before.
- ``adjustments``: corrections by hand.

The layers, from the ground up, as the import contract in pyproject.toml has them: ``models/``, ``money.py`` (the one
place that rounds), ``errors.py``; ``ledger/`` (accounts, lots, transfers); ``verify/`` (recomputes it all), ``prices/``
(what a second costs and sells for); ``budgets/``, then ``holds/`` (credit reserved for a video); ``usage/`` (a measured
video becomes a charge), ``debts/``, ``stripe/`` (a client of its API); ``promotions/``, ``statements/``, ``reports/``;
``topups/``, ``refunds/`` (with disputes), ``stripe_sync/`` (webhooks, comparison); ``views/``, ``api/``, ``admin/``.
"""
