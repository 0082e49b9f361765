"""Budgets by day, week and month, and locks: what a workspace, project, member or token may spend."""

from __future__ import annotations

from typing import Any, ClassVar

from django.http import Http404, HttpResponseBase
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from avatarsite.api.fields import Body, StrictInteger
from avatarsite.api.pagination import listed
from avatarsite.api.serializers import NoQuery, list_serializer
from avatarsite.api.views import ApiView
from avatarsite.workspaces.access import Action
from billing.api.money import Money
from billing.budgets import budgets
from billing.labels import is_known
from billing.models import Period
from billing.money import MAX_MICROS

TAGS = ["Budgets"]
Serializer = serializers.Serializer[Any]


class BudgetSerializer(Serializer):
    scope = serializers.CharField(help_text="`workspace`, `project:prj_…`, `member:12` or `token:tok_…`.")
    name = serializers.CharField(source="label")
    period = serializers.ChoiceField(choices=Period.values, help_text="In UTC; a week begins on Monday.")
    cap = Money(source="cap_micros")
    spent = Money(source="spent_micros")
    held = Money(source="reserved_micros", help_text="Of renders that are being made.")
    left = Money(source="left_micros")
    renews_at = serializers.DateTimeField()


class SpendingLockSerializer(Serializer):
    scope = serializers.CharField()


class BudgetInput(Body):
    cap_micros = StrictInteger(min_value=0, max_value=MAX_MICROS, help_text="The most that may be spent in a period.")


class LockInput(Body):
    """Nothing has to be said: the address says what is locked."""


_BUDGET = BudgetSerializer().to_representation


class BudgetView(ApiView):
    http_method_names: ClassVar[list[str]] = ["get", "head", "put", "delete"]  # type: ignore[misc]
    reads = (Action.VIEW, Action.MANAGE_BILLING)
    writes = (Action.MANAGE_BILLING,)

    def demand_known(self, scope: str) -> None:
        if not is_known(self.workspace, scope):
            raise Http404


class Budgets(BudgetView):
    @extend_schema(
        operation_id="list_budgets",
        tags=TAGS,
        summary="List the budgets with what is spent now, the fullest first",
        responses=list_serializer(BudgetSerializer),
    )
    def get(self, _request: Any) -> Response:
        self.query(NoQuery)
        return Response(listed([_BUDGET(standing) for standing in budgets.standings(self.workspace)]))


class OneBudget(BudgetView):
    @extend_schema(
        operation_id="get_budget", tags=TAGS, summary="Get a budget with what is spent now", responses=BudgetSerializer
    )
    def get(self, _request: Any, scope: str, period: str) -> Response:
        self.query(NoQuery)
        return Response(_BUDGET(self._standing(scope, period)))

    @extend_schema(
        operation_id="set_budget",
        tags=TAGS,
        summary="Set what may be spent in a period",
        description="From this period on. One below what is used already refuses everything new until it ends.",
        request=BudgetInput,
        responses=BudgetSerializer,
    )
    def put(self, _request: Any, scope: str, period: str) -> HttpResponseBase:
        self.query(NoQuery)
        self._demand(scope, period)
        asked = self.body(BudgetInput)

        def operation() -> Response:
            budgets.set_budget(self.workspace, scope, asked["cap_micros"], user=self.user, period=period)
            return Response(_BUDGET(self._standing(scope, period)))

        return self.run_once(operation)

    @extend_schema(operation_id="delete_budget", tags=TAGS, summary="Take a budget away", responses={204: None})
    def delete(self, _request: Any, scope: str, period: str) -> HttpResponseBase:
        self.query(NoQuery)
        self._demand(scope, period)

        def operation() -> Response:
            budgets.set_budget(self.workspace, scope, None, user=self.user, period=period)
            return Response(status=204)

        return self.run_once(operation)

    def _demand(self, scope: str, period: str) -> None:
        if period not in Period.values:
            raise Http404
        self.demand_known(scope)

    def _standing(self, scope: str, period: str) -> budgets.Standing:
        found = (one for one in budgets.standings(self.workspace) if (one.scope, one.period) == (scope, period))
        standing = next(found, None)
        if standing is None:
            raise Http404
        return standing


class SpendingLocks(BudgetView):
    @extend_schema(
        operation_id="list_spending_locks",
        tags=TAGS,
        summary="List what is locked",
        responses=list_serializer(SpendingLockSerializer),
    )
    def get(self, _request: Any) -> Response:
        self.query(NoQuery)
        return Response(listed([{"scope": scope} for scope in budgets.locked_in(self.workspace)]))


class OneSpendingLock(BudgetView):
    @extend_schema(
        operation_id="lock_spending",
        tags=TAGS,
        summary="Lock a token, a member, a project or the workspace",
        description="It spends nothing from now on, whatever its caps; what is being made goes on. Drafts that cost "
        "nothing are let in.",
        request=LockInput,
        responses=SpendingLockSerializer,
    )
    def put(self, _request: Any, scope: str) -> HttpResponseBase:
        self.query(NoQuery)
        self.demand_known(scope)
        if self.request.data:
            self.body(LockInput)

        def operation() -> Response:
            budgets.lock(self.workspace, scope, user=self.user)
            return Response({"scope": scope})

        return self.run_once(operation)

    @extend_schema(operation_id="unlock_spending", tags=TAGS, summary="Open it again", responses={204: None})
    def delete(self, _request: Any, scope: str) -> HttpResponseBase:
        self.query(NoQuery)
        self.demand_known(scope)

        def operation() -> Response:
            budgets.unlock(self.workspace, scope, user=self.user)
            return Response(status=204)

        return self.run_once(operation)
