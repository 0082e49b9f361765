"""The queries behind one render and lists of them: no column is fetched later, and each workspace sees its own."""

from __future__ import annotations

import pytest
from django.test.utils import CaptureQueriesContext

from studio.api.renders import listing, shown
from studio.models import Render
from studio.representation import serialize_render
from tests.flows.cast import ask, make_studio

pytestmark = pytest.mark.django_db


def test_a_listed_render_is_shown_without_a_further_query(
    django_assert_num_queries: type[CaptureQueriesContext],
) -> None:
    studio = make_studio()
    render = ask(studio, reference="mine", metadata={"shelf": "7"})
    with django_assert_num_queries(4):  # two lists; the tags of each, and of what is no video yet no more
        listed = listing(studio.workspace, {"state": "queued", "reference": "mine"}, most=20)
        shapes = [serialize_render(row) for row in (*listed, shown(studio.workspace).get(pk=render.pk))]
    assert shapes == [serialize_render(Render.objects.get())] * 2
    assert not listing(studio.workspace, {"state": "ready"}, most=20)


def test_a_render_of_another_workspace_is_not_there() -> None:
    render, stranger = ask(make_studio()), make_studio(slug="stranger").workspace
    assert not shown(stranger).filter(pk=render.pk)
    assert not listing(stranger, {}, most=20)
