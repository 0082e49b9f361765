"""Projects."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from avatarsite.api.pagination import page_of
from avatarsite.api.serializers import NoQuery, list_serializer
from avatarsite.api.views import ApiView
from studio.api import resolve
from studio.api.inputs import ProjectChangeInput, ProjectInput, ProjectsQuery
from studio.api.serializers import ProjectSerializer, serialize_project
from studio.models import Project, UploadKind
from studio.projects import ProjectRefused, archive_project, change_project, create_project, restore_project

TAGS = ["Projects"]


class Projects(ApiView):
    @extend_schema(
        operation_id="list_projects",
        tags=TAGS,
        summary="List projects, newest first",
        parameters=[ProjectsQuery],
        responses=list_serializer(ProjectSerializer),
    )
    def get(self, _request: Any) -> Response:
        asked = self.query(ProjectsQuery)
        rows = Project.objects.for_workspace(self.workspace)
        if "archived" in asked:
            rows = rows.filter(archived_at__isnull=not asked["archived"])
        return Response(page_of(rows, serialize_project, cursor=asked.get("cursor", ""), limit=asked["limit"]))

    @extend_schema(
        operation_id="create_project",
        tags=TAGS,
        summary="Make a project",
        request=ProjectInput,
        responses={201: ProjectSerializer},
    )
    def post(self, _request: Any) -> HttpResponseBase:
        self.query(NoQuery)
        asked = self.body(ProjectInput)

        def operation() -> Response:
            project = create_project(self.workspace, _name(asked["name"]))
            location = reverse("api_project", kwargs={"project": project.pk})
            return Response(serialize_project(project), status=201, headers={"Location": location})

        return self.run_once(operation)


class OneProject(ApiView):
    @extend_schema(operation_id="get_project", tags=TAGS, summary="Get a project", responses=ProjectSerializer)
    def get(self, _request: Any, project: str) -> Response:
        self.query(NoQuery)
        return Response(serialize_project(get_object_or_404(Project.objects.for_workspace(self.workspace), pk=project)))

    @extend_schema(
        operation_id="change_project",
        tags=TAGS,
        summary="Rename, archive or restore a project, or give it another portrait",
        request=ProjectChangeInput,
        responses=ProjectSerializer,
    )
    def patch(self, _request: Any, project: str) -> HttpResponseBase:
        self.query(NoQuery)
        asked = self.body(ProjectChangeInput)

        def operation() -> Response:
            row = get_object_or_404(Project.objects.for_workspace(self.workspace).select_for_update(), pk=project)
            self.demand_unchanged(serialize_project(row))
            self._change(row, asked)
            row.refresh_from_db()
            return Response(serialize_project(row))

        return self.run_once(operation)

    def _change(self, row: Project, asked: dict[str, Any]) -> None:
        portrait = row.portrait
        if "portrait" in asked:
            wanted = asked["portrait"]
            known = resolve.known_uploads(self.workspace, [wanted or ""])
            portrait = resolve.of_kind(known, UploadKind.PORTRAIT, wanted) if wanted else None
        name = _name(asked["name"]) if "name" in asked else row.name
        if {"name", "portrait"} & asked.keys():
            change_project(row, name=name, portrait=portrait, defaults=row.defaults)
        if "archived" in asked:
            (archive_project if asked["archived"] else restore_project)(row)


def _name(text: str) -> str:
    name = " ".join(text.split())
    if not name:
        raise ProjectRefused("name", "A project needs a name that can be seen. Choose another name.")
    return name
