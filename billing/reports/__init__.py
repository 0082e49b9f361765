"""Accounting reports for whoever runs the service: a month of each account, as a page and as CSV."""
