"""Places at providers go round by workspace, at every provider at once; who waits is a row and stays one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import Count
from django.utils import timezone

from studio.models import ProviderJob, Render, RenderState, Turn
from studio.pipeline.places import SELLER, _sent, next_in_turn
from studio.pipeline.submit import claim, due_submits
from studio.pipeline.watch.rows import load_due
from tests.flows.cast import ask, make_studio

pytestmark = pytest.mark.django_db

OFFERS = {"local": "local:draft", "fal": "fal:fal-ai/kling-video/ai-avatar/v2/standard"}


@pytest.mark.sqlite  # PostgreSQL reads a short table whole
def test_who_has_places_is_found_by_an_index() -> None:
    out = _sent().order_by().values_list(SELLER, "workspace_id").annotate(Count("pk"))
    assert "SEARCH studio_render USING INDEX render_living" in out.explain()


def queue(count: int, slug: str, seller: str = "local") -> list[str]:
    studio = make_studio(slug=slug)
    asked = [ask(studio).pk for _ in range(count)]
    Render.objects.filter(pk__in=asked).update(offer=OFFERS[seller], fallbacks=[])
    return asked


def sent(room: int = 20) -> list[str]:
    """Whose renders go out at this look, in turn."""
    chosen, _ = next_in_turn(due_submits(), room)
    claims = [claim(pk) for pk in chosen]
    assert None not in claims
    return [claimed.render.workspace.slug for claimed in claims if claimed]


def end(*, seller: str = "local", slug: str = "") -> None:
    """One job ends and its place is free."""
    out = Render.objects.filter(state=RenderState.SUBMITTING, offer=OFFERS[seller], workspace__slug__contains=slug)
    first = out.order_by("pk").values_list("pk", flat=True)[:1]
    ended = {"state": RenderState.CANCELLED, "next_try_at": None, "deadline_at": None}
    assert Render.objects.filter(pk__in=list(first)).update(**ended) == 1


def test_a_place_goes_round_and_a_crowd_is_no_hindrance(settings: Any) -> None:
    settings.PROVIDERS_AT_ONCE = {"local": 1}
    queue(6, "crowd")
    order = sent()
    queue(2, "second")
    queue(1, "third")
    assert (sent(), Turn.objects.count()) == ([], 1)
    for _ in range(8):
        end()
        order += sent()
    turns = ["crowd", "second", "third", "crowd", "second", "crowd", "crowd", "crowd", "crowd"]
    assert order == turns


def test_of_several_places_everybody_gets_as_many(settings: Any) -> None:
    settings.PROVIDERS_AT_ONCE = {"local": 4}
    queue(20, "crowd")
    assert sent() == ["crowd"] * 3
    queue(3, "second")
    order = sent()
    for _ in range(4):
        end(slug="crowd")
        order += sent()
    assert order == ["second", "second", "crowd", "crowd", "crowd"]


def test_nobody_has_the_last_of_several_places(settings: Any) -> None:
    """So whoever comes is sent at once, and waits for the end of no long job."""
    settings.PROVIDERS_AT_ONCE = {"local": 2}
    queue(5, "crowd")
    assert (sent(), sent()) == (["crowd"], [])
    queue(2, "second")
    assert (sent(), sent()) == (["second"], [])


def test_every_provider_has_places_of_its_own(settings: Any) -> None:
    settings.PROVIDERS_AT_ONCE = {"local": 1, "fal": 2}
    queue(30, "drafts")
    queue(3, "both")
    queue(5, "both", "fal")
    queue(1, "late", "fal")
    seen = sent()
    assert (sorted(seen), Render.objects.filter(state=RenderState.SUBMITTING, offer=OFFERS["fal"]).count()) == (
        ["both", "drafts", "late"],
        2,
    )
    end(seller="fal", slug="late")
    assert sent() == []
    queue(1, "later", "fal")
    assert sent() == ["later"]
    end()
    assert sent() == ["both"]


def test_room_is_shared_where_there_is_no_limit(settings: Any) -> None:
    settings.PROVIDERS_AT_ONCE = {"fal": 0}
    queue(30, "crowd", "fal")
    queue(2, "second", "fal")
    assert sent(4) == ["crowd", "second", "crowd", "second"]
    assert sent(0) == []


def test_what_is_in_doubt_needs_no_place_and_waits_for_none(settings: Any) -> None:
    settings.PROVIDERS_AT_ONCE = {"local": 1}
    first, *others = queue(3, "crowd")
    assert sent() == ["crowd"]
    assert next_in_turn(due_submits(), 20) == ([], False)
    Render.objects.filter(pk=first).update(next_try_at=timezone.now())
    assert next_in_turn(due_submits(), 20) == ([first], True)
    # None of those that wait was put off: they are due the moment that there is a place.
    assert {*due_submits().values_list("pk", flat=True)} == {first, *others}


def test_the_oldest_of_a_workspace_goes_first_and_a_pause_holds_only_its_own(settings: Any) -> None:
    settings.PROVIDERS_AT_ONCE = {"local": 1}
    first, second, _ = queue(3, "crowd")
    Render.objects.filter(pk=first).update(next_try_at=timezone.now() + timedelta(minutes=1))
    Render.objects.filter(pk=second).update(next_try_at=timezone.now())
    assert next_in_turn(due_submits(), 20) == ([second], True)
    Render.objects.filter(pk=first).update(next_try_at=timezone.now())
    assert next_in_turn(due_submits(), 20) == ([first], True)


@pytest.mark.django_db(transaction=True)  # a look drops a connection that is within a transaction
def test_the_watch_sends_as_many_as_have_places(settings: Any) -> None:
    settings.PROVIDERS_AT_ONCE = {"local": 3}
    queue(150, "crowd")
    quiet = {"since": timezone.now(), "everything": False, "room": 20, "resting": (), "busy": True}
    assert [len(load_due((), **quiet).claims) for _ in range(3)] == [2, 0, 0]
    assert ProviderJob.objects.count() == 2


def test_the_parts_of_a_long_video_let_others_go_first(settings: Any) -> None:
    settings.PROVIDERS_AT_ONCE = {"local": 2}
    parts = queue(6, "lecturer")
    Render.objects.filter(pk=parts[0]).update(parts_total=5, next_try_at=None, state=RenderState.RENDERING)
    Render.objects.filter(pk__in=parts[1:]).update(whole=parts[0])
    [alone] = queue(1, "lecturer")
    chosen, _ = next_in_turn(due_submits(), 20)
    assert chosen == [alone]  # nobody has the last place, and its own whole takes none
    [other] = queue(1, "other")
    chosen, _ = next_in_turn(due_submits(), 20)
    assert sorted(chosen) == sorted([alone, other])


def test_a_provider_that_hangs_holds_up_no_sending_to_another(settings: Any) -> None:
    """Neither by what is under way there, nor by what is in doubt there, nor by how little others have to do."""
    settings.PROVIDERS_AT_ONCE = {}
    queue(5, "crowd", "fal")
    assert len(sent(room=3)) == 3  # of which nobody hears again
    hanging = queue(4, "crowd", "local")
    chosen, _ = next_in_turn(due_submits(), 3, {"fal": 3})
    assert chosen == sorted(hanging)[:3]
    Render.objects.filter(state=RenderState.SUBMITTING).update(next_try_at=timezone.now())
    chosen, _ = next_in_turn(due_submits(), 3)
    offers = Render.objects.filter(pk__in=chosen).order_by("offer").values_list("offer", flat=True)
    assert list(offers) == [OFFERS["fal"]] * 3 + [OFFERS["local"]] * 3
    assert next_in_turn(due_submits(), 3, {"fal": 3, "local": 3}) == ([], True)
