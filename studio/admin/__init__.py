"""The admin site's pages of renders, uploads and offers."""

from studio.admin import customer, offers, renders, routing, sharing, speech

__all__ = ["customer", "offers", "renders", "routing", "sharing", "speech"]
