"""Queries and inserts that are compiled once do what Django's own do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import IntegrityError, connection
from django.db.models import Model
from django.utils import timezone

from avatarsite.db.compiled import Compiled, Given, insert
from avatarsite.outbox.models import Event
from avatarsite.workspaces.models import ApiToken, Scope, User
from studio.api.asked import ONE, listing
from studio.api.serializers import render_shape
from studio.models import Render, RenderEvent
from tests.flows.cast import Studio, ask, make_studio

pytestmark = pytest.mark.django_db


@pytest.fixture
def studio() -> Studio:
    return make_studio()


@contextmanager
def counted() -> Iterator[list[str]]:
    """The statements in the block; Django's own list leaves out those that the driver's cursor runs."""
    told: list[str] = []

    def watch(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        told.append(sql)
        return execute(sql, *rest)

    with connection.execute_wrapper(watch):
        yield told


def columns(row: Model) -> dict[str, Any]:
    """What is in the row itself, files by their names."""
    return {one.attname: str(one.value_from_object(row)) for one in row._meta.concrete_fields}


def test_what_is_joined_comes_with_its_row_and_nothing_is_asked_twice(studio: Studio) -> None:
    maker = User.objects.create_user("maker@example.org")
    for name, made_by in (("one", maker), ("two", None)):
        ApiToken.objects.create(
            workspace=studio.workspace, made_by=made_by, name=name, token_hash=name, lineage=name, scopes=[Scope.READ]
        )
    asked = Compiled(
        lambda: (
            ApiToken.objects.select_related("workspace", "made_by")
            .filter(workspace_id=Given("workspace"))
            .order_by("name")
        )
    )
    with counted() as queries:
        found = asked.all(workspace=studio.workspace.pk)
        assert [(one.workspace, one.made_by) for one in found] == [(studio.workspace, maker), (studio.workspace, None)]
    assert len(queries) == 1
    plain = ApiToken.objects.filter(workspace=studio.workspace).order_by("name")
    assert [columns(one) for one in found] == [columns(one) for one in plain]
    assert [columns(one.workspace) for one in found] == [columns(one.workspace) for one in plain]


def test_each_call_has_arguments_of_its_own(studio: Studio) -> None:
    ask(studio)
    asked = Compiled(lambda: RenderEvent.objects.filter(at__lte=Given("moment"), to_state=Given("state")))
    now = timezone.now()
    counts = [len(asked.all(moment=now, state=state)) for state in ("queued", "ready", "queued")]
    assert (counts, asked.first(moment=now, state="ready")) == ([1, 0, 1], None)
    assert asked.all(moment=Render.objects.get().created_at.replace(year=2000), state="queued") == []


def test_a_listed_render_is_shown_without_a_further_query(studio: Studio) -> None:
    render = ask(studio, reference="mine", metadata={"shelf": "7"})
    with counted() as queries:
        listed = listing(frozenset({"state", "reference"}), 20).all(
            workspace=studio.workspace.pk, state="queued", reference="mine"
        )
        one = ONE.first(workspace=studio.workspace.pk, render=render.pk)
        assert one is not None
        shown = [render_shape(row) for row in (*listed, one)]
    assert (shown, len(queries)) == ([render_shape(Render.objects.get())] * 2, 2)


def test_a_render_of_another_workspace_is_not_there(studio: Studio) -> None:
    render, stranger = ask(studio), make_studio(slug="stranger").workspace
    assert ONE.first(workspace=stranger.pk, render=render.pk) is None
    assert listing(frozenset(), 20).all(workspace=stranger.pk) == []


def test_an_insert_is_a_save(studio: Studio) -> None:
    def event() -> Event:
        return Event(workspace=studio.workspace, kind="render.queued", subject="render:1", data={"a": [1, None, "é"]})

    saved, inserted = event(), event()
    saved.save(force_insert=True)
    assert insert(inserted) is inserted
    assert inserted.row == saved.row + 1
    assert not inserted._state.adding
    kept = Event.objects.get(pk=inserted.pk)
    assert columns(kept) == columns(inserted)
    own = {"row", "id", "created_at"}
    assert {**columns(kept), **dict.fromkeys(own)} == {**columns(saved), **dict.fromkeys(own)}


def test_an_insert_of_what_is_there_is_refused_in_djangos_words(studio: Studio) -> None:
    render = ask(studio)
    with pytest.raises(IntegrityError):
        insert(render)
