"""A long video from its plan to its end: its parts, its money, and what its customer sees of both."""

from __future__ import annotations

import pytest

from avatarsite.workspaces.models import Workspace
from billing.errors import InsufficientCredit
from billing.holds import holds
from billing.ledger import posting
from billing.models import Hold, HoldState
from studio.errors import RequestRefused
from studio.library import delete_video, running_count
from studio.models import Part, Render, RenderState, Upload, Whole
from studio.pipeline.cancel import request_cancel
from studio.pipeline.long.cut import drop_cuts
from studio.pipeline.long.plan import Plan, quote_video
from studio.pipeline.operator.give_back import give_charge_back
from studio.pipeline.request.take import retry_render, take
from studio.providers.types import Fault
from studio.videos.search import find_videos
from tests.studio import shop
from tests.studio.pipeline.long import house as at

pytestmark = pytest.mark.django_db
PART_CEILING = 10_004_000  # 100 s and one step of 1/25 s at ten cents
PART_CHARGE = 10_000_000
GRANT = 200 * shop.DOLLAR


def available(house: Workspace) -> int:
    return posting.balance(house).available_micros


def test_a_voice_within_the_limit_is_no_plan(house: Workspace) -> None:
    quote = quote_video(voice=at.lecture(house, "abc"), model="draft")
    assert (type(quote).__name__, quote.ceiling_micros) == ("Quote", 30_004_000)


def test_the_plan_says_what_each_part_and_all_of_them_cost_at_most(house: Workspace) -> None:
    plan = quote_video(voice=at.lecture(house), portrait=shop.portrait_of(house), model="draft")
    assert isinstance(plan, Plan)
    assert [(part.number, part.begin, part.end, part.kept) for part in plan.parts] == [
        (number, (number - 1) * 100_000, number * 100_000, None) for number in range(1, 7)
    ]
    assert [part.ceiling_micros for part in plan.parts] == [PART_CEILING] * 6
    assert plan.ceiling_micros == plan.chosen.ceiling_micros == 6 * PART_CEILING
    assert (Render.objects.exists(), Hold.objects.exists()) == (False, False)


def test_all_is_held_with_the_request_and_charged_part_by_part(house: Workspace) -> None:
    whole = at.ask(house, at.lecture(house))
    assert (whole.state, whole.ceiling_micros, whole.parts_total) == ("queued", 6 * PART_CEILING, 6)
    assert available(house) == GRANT - 6 * PART_CEILING
    at.look(whole)
    assert whole.state == RenderState.RENDERING
    assert Upload.objects.filter(cut_from=whole.voice).count() == 6
    for number in range(1, 7):
        at.make(at.part(whole, number))
    assert posting.balance(house).posted_micros == GRANT - 6 * PART_CHARGE
    at.look(whole)
    assert whole.state == RenderState.JOINING
    at.look(whole)
    assert (whole.state, whole.charge_micros, whole.measured_ms) == ("ready", 6 * PART_CHARGE, 600_000)
    assert available(house) == GRANT - 6 * PART_CHARGE
    assert Whole.objects.get().next_try_at is None


def test_nothing_is_written_or_held_when_the_last_part_can_not_be_paid(house: Workspace) -> None:
    with pytest.raises(InsufficientCredit) as refusal:
        at.ask(house, at.lecture(house, "abcdefghijklmnopqrstu"))
    assert (refusal.value.needed_micros, refusal.value.available_micros) == (21 * PART_CEILING, GRANT)
    assert (Render.objects.count(), Hold.objects.count(), Part.objects.count()) == (0, 0, 0)
    assert available(house) == GRANT


def test_the_ceiling_binds_to_the_micro_dollar(house: Workspace) -> None:
    voice = at.lecture(house)
    with pytest.raises(RequestRefused, match="The price has gone up"):
        at.ask(house, voice, max_amount_micros=6 * PART_CEILING - 1)
    assert at.ask(house, voice, max_amount_micros=6 * PART_CEILING).ceiling_micros == 6 * PART_CEILING


def test_a_long_video_is_asked_for_once(house: Workspace) -> None:
    with pytest.raises(RequestRefused, match="several parts"):
        at.ask(house, at.lecture(house), options={"takes": 2})
    wish = at.wish(house, at.lecture(house))
    first = take(wish, user=None, idempotency_key="once")
    assert take(wish, user=None, idempotency_key="once") == first
    assert Render.objects.count() == 7


def test_a_changed_sentence_is_all_that_is_held_and_paid(house: Workspace) -> None:
    at.make_all(at.ask(house, at.lecture(house, "abcdef")))
    before = available(house)
    changed = at.long_voice(house, [(word, 100_000) for word in "abXdef"])
    plan = quote_video(voice=changed, portrait=shop.portrait_of(house), model="draft")
    assert isinstance(plan, Plan)
    assert [part.number for part in plan.missing] == [3]
    again = at.ask(house, changed)
    assert (again.ceiling_micros, available(house)) == (PART_CEILING, before - PART_CEILING)
    at.make_all(again)
    assert (again.state, again.charge_micros, again.measured_ms) == ("ready", PART_CHARGE, 600_000)
    assert available(house) == before - PART_CHARGE
    assert [part.kept for part in again.parts.all()] == [True, True, False, True, True, True]


def test_another_portrait_model_or_prompt_keeps_nothing(house: Workspace) -> None:
    voice = at.lecture(house)
    at.make_all(at.ask(house, voice))
    other = shop.portrait_of(house, "other.jpg")
    for plan, missing in (
        (quote_video(voice=voice, portrait=shop.portrait_of(house), model="draft"), 0),
        (quote_video(voice=voice, portrait=other, model="draft"), 6),
        (quote_video(voice=voice, portrait=shop.portrait_of(house), model="draft", prompt="Smile."), 6),
        (quote_video(voice=voice, portrait=shop.portrait_of(house), model="draft", test=True), 6),
        (quote_video(voice=voice, model="draft"), 6),
    ):
        assert isinstance(plan, Plan)
        assert len(plan.missing) == missing


def test_a_part_that_can_not_be_made_fails_the_whole_and_the_rest_is_kept(house: Workspace) -> None:
    whole = at.ask(house, at.lecture(house))
    at.look(whole)
    for number in (1, 2):
        at.make(at.part(whole, number))
    at.lose(at.part(whole, 3))
    at.look(whole)
    at.look(whole)
    assert (whole.state, whole.failure_code, whole.charge_micros) == ("failed", "input", 2 * PART_CHARGE)
    assert whole.failure_message == (
        "Part 3 of 6 could not be made. The provider could not use this portrait or this voice. Try another picture or "
        "recording. The 2 parts that were made are kept: they cost $20.00, and nothing when you try again. The $40.016 "
        "held for the others came back."
    )
    assert available(house) == GRANT - 2 * PART_CHARGE
    again = retry_render(whole, user=None)
    assert again.ceiling_micros == 4 * PART_CEILING
    at.make_all(again)
    assert (again.state, again.charge_micros) == ("ready", 4 * PART_CHARGE)
    assert available(house) == GRANT - 6 * PART_CHARGE


def test_a_part_that_a_provider_lost_is_made_again_alone(house: Workspace) -> None:
    whole = at.ask(house, at.lecture(house))
    at.look(whole)
    first = at.lose(at.part(whole, 3), Fault.PROVIDER)
    at.look(whole)
    second = at.part(whole, 3)
    assert (whole.state, second.state, second == first) == ("rendering", "queued", False)
    assert (second.voice.cut_from, second.ceiling_micros) == (whole.voice, PART_CEILING)
    assert available(house) == GRANT - 6 * PART_CEILING
    assert drop_cuts() == 1  # of the lost one, whose sound the second has
    for number in range(1, 7):
        at.make(at.part(whole, number))
    at.look(whole)
    at.look(whole)
    assert (whole.state, whole.charge_micros, available(house)) == ("ready", 6 * PART_CHARGE, GRANT - 6 * PART_CHARGE)
    delete_video(whole)
    assert not Render.objects.exists()


def test_a_part_that_is_lost_three_times_is_lost(house: Workspace) -> None:
    whole = at.ask(house, at.lecture(house))
    at.look(whole)
    for _ in range(3):
        at.lose(at.part(whole, 3), Fault.PROVIDER)
        at.look(whole)
    at.look(whole)
    assert (whole.state, whole.failure_code, available(house)) == ("failed", "provider", GRANT)


def test_a_lost_part_is_lost_when_its_money_was_spent_meanwhile(house: Workspace) -> None:
    whole = at.ask(house, at.lecture(house))
    at.look(whole)
    at.lose(at.part(whole, 3), Fault.PROVIDER)
    spent = holds.place_hold(house, available(house), key="spent", subject="something:else")
    at.look(whole)
    at.look(whole)
    assert whole.state == "failed"
    holds.release_hold(spent, reason="for the check")


def test_a_cancelled_one_keeps_and_pays_what_was_made(house: Workspace) -> None:
    whole = at.ask(house, at.lecture(house))
    at.look(whole)
    at.make(at.part(whole, 1))
    assert request_cancel(whole, user=None)
    assert {at.part(whole, number).state for number in range(2, 7)} == {"cancelled"}
    at.look(whole)
    assert (whole.state, whole.charge_micros) == ("cancelled", PART_CHARGE)
    assert available(house) == GRANT - PART_CHARGE


def test_one_that_nobody_has_begun_is_cancelled_at_once_and_costs_nothing(house: Workspace) -> None:
    whole = at.ask(house, at.lecture(house))
    assert request_cancel(whole, user=None)
    whole.refresh_from_db()
    assert (whole.state, whole.charge_micros, available(house)) == ("cancelled", None, GRANT)
    assert set(Hold.objects.values_list("state", flat=True)) == {HoldState.RELEASED}


def test_customers_see_one_video(house: Workspace) -> None:
    whole = at.ask(house, at.lecture(house))
    assert list(find_videos(house)) == list(Render.objects.for_workspace(house)) == [whole]
    assert running_count(house) == 1
    assert Render.objects.with_parts(house).count() == 7


def test_the_charge_of_a_whole_is_given_back_part_by_part_once(house: Workspace) -> None:
    whole = at.make_all(at.ask(house, at.lecture(house)))
    assert not give_charge_back(at.part(whole, 1), reason="A part alone.", actor=None)
    assert give_charge_back(whole, reason="The lips were off.", actor=None)
    assert not give_charge_back(whole, reason="Again.", actor=None)
    whole.refresh_from_db()
    assert (whole.returned_micros, available(house)) == (6 * PART_CHARGE, GRANT)


def test_a_deleted_one_leaves_the_parts_that_another_uses(house: Workspace) -> None:
    first = at.make_all(at.ask(house, at.lecture(house, "abcdef")))
    second = at.make_all(at.ask(house, at.long_voice(house, [(word, 100_000) for word in "abXdef"])))
    delete_video(first)
    assert Render.objects.with_parts(house).count() == 1 + 6
    assert set(Render.objects.filter(uses__whole=second).values_list("whole", flat=True)) == {second.pk}
    delete_video(second)
    assert (Render.objects.exists(), Part.objects.exists()) == (False, False)
    first.voice.refresh_from_db()
    assert Upload.objects.filter(cut_from__isnull=False).count() == 0
