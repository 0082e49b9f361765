"""Approvals: what a token asked for above its amount, until a person says yes or no in the dashboard."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from avatarsite.api.pagination import page_of
from avatarsite.api.serializers import PageQuery, list_serializer
from avatarsite.api.views import ApiView
from avatarsite.web.places import NoPlace
from studio.api.inputs import WaitQuery
from studio.api.serializers import ApprovalSerializer, serialize_approval
from studio.api.waiting import until_decided
from studio.approvals.approvals import in_state
from studio.models import Approval, ApprovalState

TAGS = ["Approvals"]


class ApprovalsQuery(PageQuery):
    state = serializers.ChoiceField(choices=ApprovalState.values, required=False)


class ApprovalView(ApiView):
    def rows(self) -> QuerySet[Approval]:
        return Approval.objects.for_workspace(self.workspace).select_related("workspace")


class Approvals(ApprovalView):
    @extend_schema(
        operation_id="list_approvals",
        tags=TAGS,
        summary="List what waits, or waited, for a person’s yes, newest first",
        parameters=[ApprovalsQuery],
        responses=list_serializer(ApprovalSerializer),
    )
    def get(self, _request: Any) -> Response:
        asked = self.query(ApprovalsQuery)
        rows = self.rows().filter(in_state(asked["state"])) if "state" in asked else self.rows()
        return Response(page_of(rows, serialize_approval, cursor=asked.get("cursor", ""), limit=asked["limit"]))


class OneApproval(ApprovalView):
    @extend_schema(
        operation_id="get_approval",
        tags=TAGS,
        summary="Get an approval, or wait for its decision",
        description="Approved, it names the `render` or the `group` that was made. Only a person can decide.",
        parameters=[WaitQuery],
        responses=ApprovalSerializer,
    )
    def get(self, _request: Any, approval: str) -> Response:
        asked = self.query(WaitQuery)
        row = get_object_or_404(self.rows(), pk=approval)
        if asked["wait"] and row.stands == ApprovalState.WAITING:
            with suppress(NoPlace):  # then as it stands, at once
                row = until_decided(row, seconds=asked["wait"])
        return Response(serialize_approval(row))
