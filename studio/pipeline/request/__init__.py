"""A request for a render: validated, priced, limited and written with its hold."""
