from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from billing.models.ledger import MEMO_LENGTH

OFFER_LENGTH = 120


class PriceUnit(models.TextChoices):
    SECOND = "second", "Second of output"
    GENERATION = "generation", "Generation"


class Price(models.Model):
    """Cost and selling price of an offer from a moment on, per second of output. Append-only by trigger: never edited.

    What is sold by the piece, such as a voice for a script, has ``unit`` generation: then both are of one of these.
    """

    offer = models.CharField(max_length=OFFER_LENGTH)
    cost_micros_per_second = models.BigIntegerField()
    price_micros_per_second = models.BigIntegerField()
    unit = models.CharField(max_length=10, choices=PriceUnit.choices, default=PriceUnit.SECOND)
    effective_from = models.DateTimeField(default=timezone.now)
    source = models.CharField("source of the cost", max_length=MEMO_LENGTH)
    derived = models.BooleanField("derived cost", default=False)
    # Null is the seed file; PROTECT, because SET_NULL would be an edit.
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(cost_micros_per_second__gte=0, price_micros_per_second__gte=0),
                name="price_not_negative",
            ),
            models.CheckConstraint(condition=~Q(source=""), name="price_names_its_source"),
            models.UniqueConstraint(fields=["offer", "effective_from"], name="price_once_per_moment"),
        ]

    def __str__(self) -> str:
        return f"{self.offer} from {self.effective_from:%Y-%m-%d %H:%M}"
