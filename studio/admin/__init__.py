"""The admin site's pages of renders, uploads and offers."""

from studio.admin import offers, renders, routing

__all__ = ["offers", "renders", "routing"]
