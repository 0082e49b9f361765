"""fal's voice on the stand-in: parts, money, and what becomes of both when something breaks."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from avatarsite.workspaces.models import Workspace
from billing.errors import InsufficientCredit
from billing.labels import names_of
from billing.ledger import posting
from billing.ledger.accounts import balance
from billing.models import Hold, Transfer
from billing.prices import price_book
from billing.statements.statements import statement
from billing.usage import daily, totals
from billing.usage.metering import reverse_charge
from billing.verify.verification import verify
from studio.errors import RequestRefused
from studio.models import Outcome, Speech, SpeechPart, SpeechState
from studio.speech import rounds, speak
from studio.speech.plan import SpeechWish, plan_speech
from studio.speech.rounds import speak_on
from studio.speech.speak import speak_now
from tests.conftest import Cast
from tests.simulators.fal_speech import spans_of
from tests.simulators.fixture import Simulators
from tests.studio.providers.orders import use

pytest_plugins = ["tests.simulators.fixture"]
pytestmark = pytest.mark.django_db(transaction=True)

VOICE = "fal:reader_en_m-v1"
SCRIPT = "The first sentence is this one. A second one is shorter! [pause 1s] And does the third come after a pause?"
SENTENCES = ["The first sentence is this one.", "A second one is shorter!", "And does the third come after a pause?"]
EACH = 7_700  # $0.007 and a tenth


@pytest.fixture(autouse=True)
def _shop(settings: Any, simulators: Simulators, workspace: Workspace) -> None:
    use(settings, simulators)
    settings.PRICE_MARKUP_PERCENT = Decimal(10)
    price_book.seed_prices()
    posting.grant(workspace, 1_000_000, key="welcome", reason="Welcome")


def wish(workspace: Workspace, script: str = SCRIPT, **also: Any) -> SpeechWish:
    return SpeechWish(workspace, script, VOICE, **also)


def test_a_hosted_voice_is_held_charged_and_named_on_the_statement(
    workspace: Workspace, simulators: Simulators
) -> None:
    plan = plan_speech(wish(workspace))
    assert (plan.generations, plan.ceiling_micros) == (2, 2 * EACH)
    speech = speak.speak(wish(workspace))
    assert balance(workspace).held_micros == 2 * EACH
    assert speak_now(wish(workspace)) == speech
    speech.refresh_from_db()
    assert (speech.state, speech.charge_micros) == (SpeechState.READY, 2 * EACH)
    upload = speech.upload
    assert upload is not None
    assert [one[2] for one in upload.sentences] == SENTENCES
    first, second = spans_of({"text": " ".join(SENTENCES[:2])}), spans_of({"text": SENTENCES[2]})
    behind = first[-1][1] + 100 + 1_000  # the part's end and the pause
    expected = [*first, *((start + behind, end + behind) for start, end in second)]
    for (start, end, _), (true_start, true_end) in zip(upload.sentences, expected, strict=True):
        assert abs(start - true_start) <= 150
        assert abs(end - true_end) <= 150
    line = statement(workspace)[0]
    assert (line.amount_micros, line.memo) == (-2 * EACH, "2 generations at $0.0077")
    assert names_of(workspace, [line.subject])[line.subject].label == (
        "Voice of “The first sentence is this one. A second one is shorter! …”"
    )
    assert Transfer.objects.get(kind="provider_cost").amount_micros == 14_000
    assert simulators.fal.counts()["spent_usd"] == pytest.approx(0.014)
    assert verify() == []


def test_a_voice_is_in_the_usage_and_adds_up_with_the_ledger(
    cast: Cast, workspace: Workspace, simulators: Simulators
) -> None:
    posting.grant(cast.workspace, 1_000_000, key="welcome to the cast", reason="Welcome")
    speak_now(wish(cast.workspace))
    today = timezone.now().date()
    for group in totals.GROUPS:
        (line,) = totals.usage_by(cast.workspace, group, first=today, last=today)
        assert (line.renders, line.seconds, line.amount_micros) == (0, 0.0, 2 * EACH)
    assert daily.used(cast.workspace, today, today).total == daily.Used(0, 0, 2 * EACH)
    page = cast.browser(cast.alice).get(reverse("usage", kwargs={"workspace": cast.workspace.slug}))
    assert [row["total"].amount_micros for row in page.context["chart_rows"]] == [2 * EACH]
    assert page.context["labels"] == ["Voices of scripts"]
    hold = Hold.objects.get()
    assert reverse_charge(hold, reason="It lisped.")
    assert daily.used(cast.workspace, today, today).total == daily.Used()
    assert verify() == []


def test_the_same_words_are_paid_once(workspace: Workspace, simulators: Simulators) -> None:
    first = speak_now(wish(workspace, "Once and for all."))
    again = speak_now(wish(workspace, "Once and for all."))
    assert (again, Hold.objects.count()) == (first, 1)
    assert simulators.fal.counts()["spent_usd"] == pytest.approx(0.007)


@pytest.mark.parametrize("fault", ["lost_response", "server_error_after_accept", "garbled_accept", "answer_without_id"])
def test_an_unknown_submit_is_found_and_never_sent_again(
    workspace: Workspace, simulators: Simulators, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setattr(rounds, "backoff", lambda *_args, **_more: timedelta(seconds=0.2))
    simulators.fal.fault(fault, times=1)
    speech = speak_now(wish(workspace, "What became of this one?"))
    assert (speech.state, speech.charge_micros) == (SpeechState.READY, EACH)
    assert len(simulators.fal.jobs()) == 1


@pytest.mark.parametrize(
    ("fault", "params", "code", "jobs"),
    [
        ("fail", {"code": "content_policy_violation"}, "speech_moderation", 1),
        ("refused", {"status": 422}, "speech_input", 0),
        ("fail", {"code": "internal_server_error"}, "speech_provider", 4),
        ("no_video", {}, "speech_provider", 4),
    ],
)
def test_a_failed_speech_costs_nothing(  # noqa: PLR0917
    workspace: Workspace,
    simulators: Simulators,
    monkeypatch: pytest.MonkeyPatch,
    fault: str,
    params: Any,
    code: str,
    jobs: int,
) -> None:
    monkeypatch.setattr(rounds, "backoff", lambda *_args, **_more: timedelta())
    simulators.fal.fault(fault, **params)
    speech = speak_now(wish(workspace, "Nobody will hear this."))
    assert (speech.state, speech.failure_code, speech.upload, speech.charge_micros) == (
        SpeechState.FAILED,
        code,
        None,
        None,
    )
    assert "Nothing was charged" in speech.failure_message
    assert len(simulators.fal.jobs()) == jobs
    assert (balance(workspace).held_micros, balance(workspace).posted_micros) == (0, 1_000_000)
    assert verify() == []


def test_one_that_hangs_is_given_up_and_its_money_goes_back(workspace: Workspace, simulators: Simulators) -> None:
    simulators.fal.fault("stuck")
    speech = speak.speak(wish(workspace, "This takes for ever."))
    for _ in range(3):
        Speech.objects.update(next_try_at=timezone.now())
        assert speak_on(speech.pk)
    Speech.objects.update(deadline_at=timezone.now())
    (kind,) = [kind for kind in rounds.KINDS if kind.act]
    for late in kind.due():
        assert kind.act
        kind.act(late)
    speech.refresh_from_db()
    assert (speech.state, speech.failure_code, speech.next_try_at) == (SpeechState.FAILED, "overdue", None)
    assert balance(workspace).held_micros == 0
    assert not speak_on(speech.pk)


def test_a_worker_that_dies_after_the_call_asks_for_nothing_twice(
    workspace: Workspace, simulators: Simulators, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def killed(*_args: object) -> None:
        raise Killed

    speech = speak.speak(wish(workspace, "The worker dies right behind the call."))
    with monkeypatch.context() as patch:
        patch.setattr(rounds, "_record", killed)
        with pytest.raises(Killed):
            speak_on(speech.pk)
    part = SpeechPart.objects.get()
    assert (part.outcome, part.sent_at is None) == (Outcome.PENDING, False)
    assert not speak_on(speech.pk)  # until the lease ends
    Speech.objects.update(next_try_at=timezone.now())
    monkeypatch.setattr(rounds, "backoff", lambda *_args, **_more: timedelta(seconds=0.2))
    again = speak_now(wish(workspace, "The worker dies right behind the call."))
    assert (again.pk, again.state, again.charge_micros) == (speech.pk, SpeechState.READY, EACH)
    assert len(simulators.fal.jobs()) == 1


def test_who_can_not_pay_hears_it_before_anybody_is_asked(workspace: Workspace, simulators: Simulators) -> None:
    long = " ".join(f"Sentence number {number} of a rather long script that nobody can pay." for number in range(40))
    posting.grant(workspace, 1, key="more", reason="More")
    with pytest.raises(InsufficientCredit):
        speak.speak(SpeechWish(_poor(), long, VOICE))
    assert not Speech.objects.exists()
    assert simulators.fal.jobs() == []


def _poor() -> Workspace:
    return Workspace.objects.create(name="Poor", slug="poor")


def test_its_own_limits_are_said(workspace: Workspace) -> None:
    with pytest.raises(RequestRefused) as refused:
        plan_speech(wish(workspace, pace=0.5))
    assert (refused.value.field, refused.value.message) == (
        "pace",
        "This voice speaks at a pace of 0.8 to 2, not 0.5.",
    )


def test_an_operators_price_stays_one_of_a_generation(workspace: Workspace) -> None:
    offer = "fal:fal-ai/kling-video/v1/tts"
    price_book.set_price(offer, cost_micros_per_second=7_000, price_micros_per_second=9_000, source="by hand")
    assert price_book.price_of(offer).unit == "generation"
    assert plan_speech(wish(workspace)).ceiling_micros == 2 * 9_000
