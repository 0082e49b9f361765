"""Tokens of the workspace, and what each may spend at once without a person's yes. A token is made by a person."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from avatarsite.api.fields import Body, StrictInteger
from avatarsite.api.me import TokenSerializer
from avatarsite.api.pagination import listed
from avatarsite.api.problems import Problem, declare, translates
from avatarsite.api.serializers import NoQuery, list_serializer
from avatarsite.api.views import ApiView
from avatarsite.workspaces import tokens
from avatarsite.workspaces.access import Action
from avatarsite.workspaces.errors import TokenRefused

TAGS = ["Me"]

declare("own_token", 403, "A token can’t change what it may spend itself", "Use another token, or the dashboard.")
declare("token_refused", 422, "The token can’t be as asked", "Follow what the detail says.")

serialize_token = TokenSerializer().to_representation


@translates(TokenRefused)
def _refused(refusal: TokenRefused) -> Problem:
    return Problem("token_refused", refusal.sentence, field=refusal.field)


class TokenChangeInput(Body):
    ask_above_micros = StrictInteger(
        required=False,
        allow_null=True,
        min_value=0,
        max_value=tokens.MAX_ASK_MICROS,
        help_text="What costs more waits for a person’s yes; null never asks.",
    )


class TokenView(ApiView):
    reads = writes = (Action.MANAGE_WORKSPACE,)


class Tokens(TokenView):
    @extend_schema(
        operation_id="list_tokens",
        tags=TAGS,
        summary="List the tokens that work, newest first",
        responses=list_serializer(TokenSerializer),
    )
    def get(self, _request: Any) -> Response:
        self.query(NoQuery)
        rows = tokens.live_tokens(self.workspace).order_by("-id")
        return Response(listed([serialize_token(row) for row in rows]))


class OneToken(TokenView):
    @extend_schema(
        operation_id="change_token",
        tags=TAGS,
        summary="Set what a token spends at once without a person’s yes",
        description="Of the token and of those it was rotated from and to; never by the token itself.",
        request=TokenChangeInput,
        responses=TokenSerializer,
    )
    def patch(self, _request: Any, token: str) -> HttpResponseBase:
        self.query(NoQuery)
        row = get_object_or_404(tokens.live_tokens(self.workspace), pk=token)
        asked = self.body(TokenChangeInput)
        user = self.user
        if row.lineage == self.token.lineage or user is None:
            raise Problem("own_token", "This is the token that asks.", field="token")

        def operation() -> Response:
            if "ask_above_micros" in asked:
                tokens.set_ask_above(row, asked["ask_above_micros"], user=user)
            return Response(serialize_token(row))

        return self.run_once(operation)
