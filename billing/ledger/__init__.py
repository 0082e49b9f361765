"""The ledger: accounts, lots of credit, and transfers that are chained and never change."""
