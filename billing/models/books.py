from __future__ import annotations

from billing.models.usage import Usage


class Books(Usage):
    """No table of its own: what the operator's reports are called in the admin site, and who may see them."""

    class Meta:
        proxy = True
        verbose_name = verbose_name_plural = "books"
        default_permissions = ("view",)
