"""The admin site's pages of renders, uploads and offers."""

from studio.admin import batches, customer, offers, renders, routing, sharing, speech

__all__ = ["batches", "customer", "offers", "renders", "routing", "sharing", "speech"]
