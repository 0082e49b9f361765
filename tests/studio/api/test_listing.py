"""The queries behind one render and lists of them: no column is fetched later, and each workspace sees its own."""

from __future__ import annotations

import pytest
from django.http import Http404
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from studio.api.renders import listing, one
from studio.models import Captions, Render, Tag
from studio.representation import serialize_render
from tests.flows.cast import ask, make_studio

pytestmark = pytest.mark.django_db
# A text that is kept, and one that is put together anew.
WAYS = ({"state": "queued", "reference": "mine"}, {"state": "queued", "q": "mine"})


@pytest.mark.parametrize("asked", WAYS)
def test_a_listed_render_is_shown_without_a_further_query(
    asked: dict[str, str], django_assert_num_queries: type[CaptureQueriesContext]
) -> None:
    studio = make_studio()
    render = ask(studio, reference="mine", metadata={"shelf": "7"})
    with django_assert_num_queries(2):  # a list and one; what is no video yet, and has no tags, is not asked for more
        listed = listing(studio.workspace, asked, most=20)
        shapes = [serialize_render(row) for row in (*listed, one(studio.workspace, render.pk))]
    assert shapes == [serialize_render(Render.objects.get())] * 2
    assert not listing(studio.workspace, {**asked, "state": "ready"}, most=20)


@pytest.mark.parametrize("asked", WAYS)
def test_what_only_some_have_costs_a_query_for_all(
    asked: dict[str, str], django_assert_num_queries: type[CaptureQueriesContext]
) -> None:
    studio = make_studio()
    plain, tagged, captioned = (ask(studio, reference="mine") for _ in range(3))
    tagged.tags.add(Tag.objects.create(workspace=studio.workspace, word="spring"))
    Captions.objects.create(render=captioned, source="file", version=1, srt="x.srt", next_try_at=timezone.now())
    with django_assert_num_queries(2):  # the list, and tags
        shapes = [serialize_render(row) for row in listing(studio.workspace, asked, most=20)]
    assert shapes == [serialize_render(Render.objects.get(pk=row.pk)) for row in (captioned, tagged, plain)]
    assert [shape["tags"] for shape in shapes] == [[], ["spring"], []]
    assert [bool(shape["captions"]) for shape in shapes] == [True, False, False]


def test_pages_follow_each_other() -> None:
    studio = make_studio()
    oldest, middle, newest = (ask(studio).pk for _ in range(3))
    assert [row.pk for row in listing(studio.workspace, {}, most=2)] == [newest, middle]
    assert [row.pk for row in listing(studio.workspace, {"cursor": middle}, most=2)] == [oldest]


def test_a_render_of_another_workspace_is_not_there() -> None:
    render, stranger = ask(make_studio()), make_studio(slug="stranger").workspace
    with pytest.raises(Http404):
        one(stranger, render.pk)
    assert not listing(stranger, {}, most=20)
