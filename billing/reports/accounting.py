"""Accounting reports of a month, in UTC: sums of transfers only, so that they tie out with the export."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from django.db.models import BigIntegerField, Case, Count, F, OuterRef, Q, QuerySet, Subquery, Sum, Value, When
from django.db.models.functions import Coalesce, Concat, TruncDay

from billing.ledger.accounts import PROVIDER_COST, REVENUE, WRITE_OFF
from billing.models import CreditLot, HoldState, LedgerAccount, LotCategory, Transfer, TransferKind, Usage
from billing.models.holds import Hold
from billing.verify.verification import snapshot

# All wallets go together, apart by what kind of credit is in them.
WALLETS = "wallets: "
EARNING = (REVENUE, WRITE_OFF, PROVIDER_COST)


@dataclass(frozen=True, slots=True)
class Month:
    """A calendar month in UTC."""

    year: int
    month: int

    @classmethod
    def of(cls, day: date) -> Month:
        return cls(day.year, day.month)

    @classmethod
    def named(cls, text: str) -> Month:
        """From ``2026-11``. ValueError with a sentence for what is no month."""
        try:
            return cls.of(datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC))
        except ValueError:
            raise ValueError(f"{text!r} is no month; write year and month, such as 2026-11.") from None

    @property
    def first(self) -> date:
        return date(self.year, self.month, 1)

    @property
    def begins(self) -> datetime:
        return datetime.combine(self.first, time.min, UTC)

    @property
    def following(self) -> Month:
        return Month(self.year + self.month // 12, self.month % 12 + 1)

    @property
    def before(self) -> Month:
        return Month(self.year - (self.month == 1), (self.month - 2) % 12 + 1)

    @property
    def ends(self) -> datetime:
        """The first moment that is no longer in it."""
        return self.following.begins

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.month:02d}"


def movements(month: Month) -> QuerySet[Transfer]:
    return Transfer.objects.filter(created_at__gte=month.begins, created_at__lt=month.ends)


# --- Revenue, cost and margin ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Earned:
    """Micro-dollars of one offer, one day or all. ``revenue`` is what was sold, ``write_off`` what of it was given up.

    A correction counts in the month in which it was made.
    """

    videos: int = 0
    revenue_micros: int = 0
    write_off_micros: int = 0
    cost_micros: int = 0

    def __add__(self, other: Earned) -> Earned:
        return Earned(
            self.videos + other.videos,
            self.revenue_micros + other.revenue_micros,
            self.write_off_micros + other.write_off_micros,
            self.cost_micros + other.cost_micros,
        )

    @property
    def margin_micros(self) -> int:
        return self.revenue_micros - self.write_off_micros - self.cost_micros

    @property
    def margin_percent(self) -> float | None:
        """Of what was really paid; None where nothing was."""
        paid = self.revenue_micros - self.write_off_micros
        return round(self.margin_micros * 100 / paid, 1) if paid > 0 else None


@dataclass(frozen=True, slots=True)
class Earnings:
    """A month by offer, the most dear first, and by day; "" is what belongs to no offer, such as a debt given up."""

    by_offer: dict[str, Earned]
    by_day: dict[date, Earned]
    total: Earned


def earnings(month: Month) -> Earnings:
    """Revenue, write-offs and provider cost as the ledger's accounts say: one query for one row an offer and day."""
    by_offer: dict[str, Earned] = defaultdict(Earned)
    by_day: dict[date, Earned] = defaultdict(Earned)
    total = Earned()
    for offer, day, *sums in _earned_rows(month):
        earned = Earned(*map(int, sums))
        by_offer[offer] += earned
        by_day[day.date()] += earned
        total += earned
    order = sorted(by_offer, key=lambda offer: (not offer, -by_offer[offer].revenue_micros, offer))
    return Earnings({offer: by_offer[offer] for offer in order}, dict(sorted(by_day.items())), total)


def _earned_rows(month: Month) -> Iterable[tuple[str, datetime, int, int, int, int]]:
    ids = dict(LedgerAccount.objects.filter(code__in=EARNING).values_list("code", "pk"))
    revenue, write_off, cost = (ids.get(code, 0) for code in EARNING)
    offer = Usage.objects.filter(subject=OuterRef("subject")).exclude(subject="").values("offer")[:1]
    rows = (
        movements(month)
        .filter(Q(debit__in=ids.values()) | Q(credit__in=ids.values()))
        .annotate(offer=Coalesce(Subquery(offer), Value("")), day=TruncDay("created_at", tzinfo=UTC))
        .values("offer", "day")
        .annotate(
            # A charge that several lots paid is one video.
            videos=Count("hold", filter=Q(kind=TransferKind.SETTLE), distinct=True),
            revenue=_net(credited=revenue),
            write_off=-_net(credited=write_off),
            cost=-_net(credited=cost),
        )
    )
    return rows.values_list("offer", "day", "videos", "revenue", "write_off", "cost").order_by("day", "offer")


def _net(*, credited: int) -> Sum:
    """Credits less debits of one account."""
    signed = Case(
        When(credit=credited, then=F("amount_micros")),
        When(debit=credited, then=-F("amount_micros")),
        default=Value(0),
        output_field=BigIntegerField(),
    )
    return Sum(signed, default=0)


# --- What is owed to customers ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Liabilities:
    """Credit that customers still have, now; micro-dollars. ``held`` is a part of paid and bonus, not more of it."""

    paid_micros: int
    bonus_micros: int
    held_micros: int
    wallets: int
    holds: int

    @property
    def outstanding_micros(self) -> int:
        return self.paid_micros + self.bonus_micros


def liabilities() -> Liabilities:
    """Credit outstanding and held at this moment, from one snapshot."""
    with snapshot():
        lots = CreditLot.objects.filter(remaining__gt=0)
        left = dict(lots.values("category").annotate(left=Sum("remaining")).values_list("category", "left"))
        open_holds = Hold.objects.filter(state=HoldState.OPEN).aggregate(
            held=Sum("amount_micros", default=0), count=Count("pk")
        )
        wallets = lots.aggregate(count=Count("account", distinct=True))["count"]
    return Liabilities(
        paid_micros=left.get(LotCategory.PAID, 0),
        bonus_micros=left.get(LotCategory.BONUS, 0),
        held_micros=open_holds["held"],
        wallets=wallets,
        holds=open_holds["count"],
    )


# --- Accounts --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AccountLine:
    """An account in a month; balances are credits less debits, micro-dollars. All of them together are always 0."""

    code: str
    opening_micros: int
    debits_micros: int
    credits_micros: int

    @property
    def closing_micros(self) -> int:
        return self.opening_micros + self.credits_micros - self.debits_micros


def trial_balance(month: Month) -> list[AccountLine]:
    """Every account that ever moved until the month's end, by code; all wallets are two lines, paid and bonus."""
    opening: dict[str, int] = defaultdict(int)
    moved: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    with snapshot():
        for side, (name, sign) in enumerate((("debit", -1), ("credit", 1))):
            for code, before, within in _side(name, month):
                opening[code] += sign * int(before)
                moved[code][side] += int(within)
    return [AccountLine(code, opening[code], *moved[code]) for code in sorted(opening)]


def _side(name: str, month: Month) -> Iterable[tuple[str, int, int]]:
    code = Case(
        When(**{f"{name}__tracked": True, "then": Concat(Value(WALLETS), "lot__category")}), default=f"{name}__code"
    )
    rows = (
        Transfer.objects.filter(created_at__lt=month.ends)
        .annotate(code=code)
        .values("code")
        .annotate(
            before=Sum("amount_micros", filter=Q(created_at__lt=month.begins), default=0),
            within=Sum("amount_micros", filter=Q(created_at__gte=month.begins), default=0),
        )
    )
    return rows.values_list("code", "before", "within").order_by("code")
