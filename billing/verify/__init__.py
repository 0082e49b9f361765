"""What must be true of the ledger and of Stripe's side of it, asked of the database."""
