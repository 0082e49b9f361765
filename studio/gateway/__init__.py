"""The providers' own protocols, spoken to our customers: translated, and asked of the same pipeline."""
