"""Webhooks to customers' programs: events, endpoints, and deliveries that are signed, ordered and retried."""
