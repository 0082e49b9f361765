"""What a video is: read from its papers, or from our own records."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.parsers import BaseParser
from rest_framework.response import Response

from avatarsite.api.fields import Body, StrictString
from avatarsite.api.parsers import Form, StrictJSON
from avatarsite.api.serializers import NoQuery, moment
from avatarsite.api.views import ApiView
from avatarsite.workspaces.access import Action
from studio.papers.verify import Finding, Verdict, verify_render, verify_upload
from studio.sharing.links import video_named

TAGS = ["Papers"]


class VerifyFile(serializers.Serializer[Any]):
    file = serializers.FileField(allow_empty_file=True)
    papers = serializers.FileField(required=False, help_text="The `.c2pa` file, where the papers stand beside it.")


class VerifyLink(Body):
    link = StrictString(max_length=400, help_text="A share link, or the id of a render. No other address is fetched.")


class FindingSerializer(serializers.Serializer[Finding]):
    verdict = serializers.ChoiceField(choices=[verdict.value for verdict in Verdict])
    title = serializers.CharField()
    sentence = serializers.CharField()
    made_here = serializers.BooleanField()
    render = serializers.CharField(allow_null=True)
    model = serializers.CharField(allow_null=True)
    made_at = serializers.DateTimeField(allow_null=True)
    signer = serializers.CharField(allow_null=True)


def serialize_finding(finding: Finding) -> dict[str, Any]:
    return {
        "verdict": finding.verdict.value,
        "title": finding.title,
        "sentence": finding.sentence,
        "made_here": finding.is_ours,
        "render": finding.render or None,
        "model": finding.model or None,
        "made_at": moment(finding.made_at),
        "signer": finding.signer or None,
    }


class Verify(ApiView):
    parser_classes: ClassVar[tuple[type[BaseParser], ...]] = (StrictJSON, Form)  # type: ignore[misc]
    writes = (Action.VIEW,)

    @extend_schema(
        operation_id="verify",
        tags=TAGS,
        summary="Say what a video is: made here or not, by which model, changed since or not",
        description="As a multipart form with `file`, and `papers` where they stand beside it, or as JSON with `link`.",
        request={"multipart/form-data": VerifyFile, "application/json": VerifyLink},
        responses=FindingSerializer,
    )
    def post(self, request: Any) -> Response:
        self.query(NoQuery)
        if not request.content_type.startswith(Form.media_type):
            return Response(serialize_finding(verify_render(video_named(self.body(VerifyLink)["link"]))))
        sent = VerifyFile(data=request.data)
        sent.is_valid(raise_exception=True)
        finding = verify_upload(sent.validated_data["file"], sent.validated_data.get("papers"))
        return Response(serialize_finding(finding))
