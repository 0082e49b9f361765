"""The admin site's pages of the platform itself, and what all of its pages share."""

from avatarsite.admin import alerts

__all__ = ["alerts"]
