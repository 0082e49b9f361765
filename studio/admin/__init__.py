"""The admin site's pages of renders, uploads and offers."""

from studio.admin import renders

__all__ = ["renders"]
