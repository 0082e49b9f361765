from __future__ import annotations

from django.conf import settings
from django.db import models


class Page(models.TextChoices):
    TERMS = "terms", "Terms"
    PRIVACY = "privacy", "Privacy"
    IMPRINT = "imprint", "Imprint"


class LegalText(models.Model):
    """One wording of a page. A new one takes over from it; it stays, since people have accepted it."""

    page = models.CharField(max_length=10, choices=Page.choices)
    body = models.TextField(help_text="Markdown. What stands in brackets as <…> in a draft is yours to fill in.")
    published_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [models.Index(fields=["page", "-id"], name="legal_text_by_page")]

    def __str__(self) -> str:
        return f"{self.get_page_display()} of {self.published_at:%-d %B %Y, %H:%M}"


class Acceptance(models.Model):
    """That somebody has accepted the terms and the privacy notice. Without a text it was our draft that they read."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="acceptances")
    page = models.CharField(max_length=10, choices=Page.choices)
    text = models.ForeignKey(LegalText, models.PROTECT, null=True, blank=True, related_name="+")
    digest = models.CharField("SHA-256 of the wording", max_length=64)
    address = models.GenericIPAddressField("from", null=True, blank=True)
    at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.user}: {self.get_page_display()}, {self.at:%-d %B %Y}"
