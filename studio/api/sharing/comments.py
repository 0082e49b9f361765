"""What guests of share links wrote about a video: listed, marked as done, deleted."""

from __future__ import annotations

from typing import Any, ClassVar

from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from avatarsite.api.fields import Body, StrictBoolean
from avatarsite.api.pagination import page_of
from avatarsite.api.serializers import NoQuery, PageQuery, list_serializer
from avatarsite.api.views import ApiView
from studio.models import Render, ReviewComment, Verdict
from studio.sharing.review import resolve, serialize_comment

TAGS = ["Shares"]


class CommentInput(Body):
    resolved = StrictBoolean(required=False, help_text="Whether it has been dealt with; left out, it stays as it is.")


class CommentSerializer(serializers.Serializer[ReviewComment]):
    id = serializers.CharField()
    render = serializers.CharField()
    share = serializers.CharField(help_text="The link behind which it was written.")
    author = serializers.CharField(help_text="The name that the guest gave.")
    text = serializers.CharField()
    verdict = serializers.ChoiceField(choices=[Verdict.APPROVED.value, Verdict.CHANGES.value], allow_null=True)
    at_ms = serializers.IntegerField(allow_null=True, help_text="The moment of the video; null: of all of it.")
    created_at = serializers.DateTimeField()
    resolved_at = serializers.DateTimeField(allow_null=True)


class RenderComments(ApiView):
    @extend_schema(
        operation_id="list_render_comments",
        tags=TAGS,
        summary="List what guests wrote about a render, newest first",
        parameters=[PageQuery],
        responses=list_serializer(CommentSerializer),
    )
    def get(self, _request: Any, render: str) -> Response:
        asked = self.query(PageQuery)
        one = get_object_or_404(Render.objects.for_workspace(self.workspace), pk=render)
        rows = ReviewComment.objects.filter(render=one)
        return Response(page_of(rows, serialize_comment, cursor=asked.get("cursor", ""), limit=asked["limit"]))


class OneComment(ApiView):
    http_method_names: ClassVar[list[str]] = ["get", "head", "patch", "delete"]  # type: ignore[misc]

    @extend_schema(operation_id="get_comment", tags=TAGS, summary="Get a comment", responses=CommentSerializer)
    def get(self, _request: Any, comment: str) -> Response:
        self.query(NoQuery)
        return Response(serialize_comment(self._comment(comment)))

    @extend_schema(
        operation_id="resolve_comment",
        tags=TAGS,
        summary="Mark a comment as dealt with, or as open again",
        request=CommentInput,
        responses=CommentSerializer,
    )
    def patch(self, _request: Any, comment: str) -> HttpResponseBase:
        self.query(NoQuery)
        done = self.body(CommentInput).get("resolved")

        def operation() -> Response:
            found = self._comment(comment)
            if done is not None:
                resolve(found, user=self.user, done=done)
                found.refresh_from_db()
            return Response(serialize_comment(found))

        return self.run_once(operation)

    @extend_schema(operation_id="delete_comment", tags=TAGS, summary="Delete a comment", responses={204: None})
    def delete(self, _request: Any, comment: str) -> HttpResponseBase:
        self.query(NoQuery)

        def operation() -> Response:
            self._comment(comment).delete()
            return Response(status=204)

        return self.run_once(operation)

    def _comment(self, comment: str) -> ReviewComment:
        found = ReviewComment.objects.for_workspace(self.workspace).filter(render__purge_at=None)
        return get_object_or_404(found, pk=comment)
