"""Views of balance, transactions and usage. Reading only: money comes in through the dashboard."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from avatarsite.api.fields import Query
from avatarsite.api.pagination import listed
from avatarsite.api.problems import Problem, declare
from avatarsite.api.serializers import NoQuery, PageQuery, list_serializer
from avatarsite.api.views import ApiView
from avatarsite.workspaces.access import Action
from billing.api.money import Money, money
from billing.ledger import posting
from billing.models import TransferKind
from billing.statements import statements
from billing.usage.totals import GROUPS, usage_by

TAGS = ["Money"]
MAX_PERIOD = timedelta(days=366)
Serializer = serializers.Serializer[Any]

declare("bad_period", 422, "The period can’t be added up", "Ask for at most a year, its first day first.")


class BalanceSerializer(Serializer):
    available = Money(source="available_micros", help_text="What a new render could take.")
    held = Money(source="held_micros", help_text="Set aside for renders that are being made.")
    posted = Money(source="posted_micros", help_text="What the newest transaction says; held money included.")
    paid = Money(source="paid_micros")
    bonus = Money(source="bonus_micros")
    frozen = serializers.BooleanField(help_text="Whether the operator has stopped new renders.")


class TransactionSerializer(Serializer):
    id = serializers.CharField(source="seq")
    at = serializers.DateTimeField()
    kind = serializers.ChoiceField(choices=TransferKind.values)
    label = serializers.CharField()  # type: ignore[assignment]  # a serializer's fields hide its attributes
    memo = serializers.CharField()
    amount = Money(source="amount_micros", help_text="Positive for credit that came in.")
    balance_after = Money(source="balance_after_micros")
    subject = serializers.CharField(help_text="What it is for, such as render:rnd_…")


class UsageSumSerializer(Serializer):
    key = serializers.CharField(help_text="A day, the first day of a month, an offer, or an id.")
    renders = serializers.IntegerField()
    seconds = serializers.FloatField(help_text="Of output, measured on our copies.")
    amount = Money(source="amount_micros")


class UsageSerializer(Serializer):
    group_by = serializers.ChoiceField(choices=list(GROUPS))
    first = serializers.DateField()
    last = serializers.DateField()
    total = Money()
    seconds = serializers.FloatField()
    renders = serializers.IntegerField()
    data = UsageSumSerializer(many=True)  # type: ignore[assignment]


class TransactionsQuery(PageQuery):
    cursor = serializers.RegexField(r"^[0-9]{1,18}$", required=False, help_text="`next_cursor` of the page before.")


class UsageQuery(Query):
    group_by = serializers.ChoiceField(choices=list(GROUPS), required=False, default="day")
    first = serializers.DateField(required=False, help_text="The first day, UTC. Left out: 30 days ago.")
    last = serializers.DateField(required=False, help_text="The last day, UTC. Left out: today.")


_BALANCE, _LINE, _USAGE = BalanceSerializer(), TransactionSerializer(), UsageSerializer()


class MoneyView(ApiView):
    """Whoever sees the workspace sees its money; a token for billing sees only that."""

    reads = (Action.VIEW, Action.MANAGE_BILLING)


class Balance(MoneyView):
    @extend_schema(operation_id="get_balance", tags=TAGS, summary="Get the balance", responses=BalanceSerializer)
    def get(self, _request: Any) -> Response:
        self.query(NoQuery)
        found = posting.balance(self.workspace)
        return Response(
            {name: money(getattr(found, f"{name}_micros"), name) for name in _MICROS}
            | {"frozen": bool(found.frozen_at)}
        )


_MICROS = ("available", "held", "posted", "paid", "bonus")


class Transactions(MoneyView):
    @extend_schema(
        operation_id="list_transactions",
        tags=TAGS,
        summary="List movements of money, newest first",
        parameters=[TransactionsQuery],
        responses=list_serializer(TransactionSerializer),
    )
    def get(self, _request: Any) -> Response:
        asked = self.query(TransactionsQuery)
        before = int(asked["cursor"]) if "cursor" in asked else None
        lines = statements.statement(self.workspace, before=before, limit=asked["limit"] + 1)
        shown = lines[: asked["limit"]]
        after = str(shown[-1].seq) if len(lines) > len(shown) else None
        return Response(listed([_LINE.to_representation(line) for line in shown], next_cursor=after))


class Usage(MoneyView):
    @extend_schema(
        operation_id="get_usage",
        tags=TAGS,
        summary="Add up what was used",
        parameters=[UsageQuery],
        responses={200: UsageSerializer, 422: OpenApiResponse(description="The period can’t be added up.")},
    )
    def get(self, _request: Any) -> Response:
        asked = self.query(UsageQuery)
        first, last = _period(asked)
        sums = usage_by(self.workspace, asked["group_by"], first=first, last=last)
        found = {
            "group_by": asked["group_by"],
            "first": first,
            "last": last,
            "total": sum(one.amount_micros for one in sums),
            "seconds": round(sum(one.seconds for one in sums), 3),
            "renders": sum(one.renders for one in sums),
            "data": sums,
        }
        return Response(_USAGE.to_representation(found))


def _period(asked: dict[str, Any]) -> tuple[date, date]:
    last: date = asked.get("last") or timezone.now().date()
    first: date = asked.get("first") or max(last - timedelta(days=30), date.min)
    if not timedelta() <= last - first <= MAX_PERIOD or last.year > 9000 or first.year < 2:
        raise Problem("bad_period", f"From {first} through {last} is no period of at most a year.", field="first")
    return first, last
