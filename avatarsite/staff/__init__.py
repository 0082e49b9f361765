"""Staff: what roles may do in the admin site, their notes on customers, and looking at the dashboard as one of them."""
