"""The ledger: accounts, lots of credit, and transfers that are chained by hash and never change.

``posting.py`` is what others call; ``lots.py`` and ``transfers.py`` hold the SQL that moves money under a lock.
"""
