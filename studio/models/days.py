from __future__ import annotations

from django.db import models


class OfferDay(models.Model):
    """One offer's day in UTC, added up from usage and jobs so that nobody has to add up millions of rows."""

    day = models.DateField()
    offer = models.CharField(max_length=120)
    videos = models.PositiveIntegerField(default=0)
    revenue_micros = models.BigIntegerField("charged and not given back", default=0)
    cost_micros = models.BigIntegerField("owed to the provider", default=0)
    ended = models.PositiveIntegerField("jobs that were done or failed", default=0)
    done = models.PositiveIntegerField("jobs that were done", default=0)
    counted_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["day", "offer"], name="offer_day_once")]

    def __str__(self) -> str:
        return f"{self.offer} on {self.day}"
