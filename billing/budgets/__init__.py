"""Budgets: what a workspace, a project, a member or a token may spend in a month, and the notices when it is used."""
