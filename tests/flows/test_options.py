"""Every value of every option with every offer: honoured, as the stored file shows, or refused with a sentence."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.utils import timezone

from avatarsite.queue.sweeping import sweep_kind
from billing.holds.holds import InsufficientCredit
from billing.ledger import posting
from billing.money import charge_micros
from billing.prices import price_book
from billing.verify import verification
from studio.errors import RequestRefused
from studio.media.video.transcode import MIN_UNTOUCHED_QUALITY, container_of
from studio.media.video.videos import VideoFacts
from studio.models import Delivery, DeliveryState, Render, RenderGroup, RenderState
from studio.pipeline.deliver import MAX_TRIES, deliver_video
from studio.pipeline.drive import drive
from studio.pipeline.request.render_request import RenderRequest
from studio.pipeline.request.take import take
from studio.providers import registry
from tests.flows.cast import Studio, ask, make_studio
from tests.simulators.fixture import Inbox, Simulators
from tests.support.videos import measure_video

pytest_plugins = ["tests.simulators.fixture"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.process]

BALANCE = 50_000_000
OFFERS = [offer.id for offer in registry.for_sale()]
FORMATS = ["mp4", "webm", "mov"]
CODECS = {"mp4": ({"h264"}, {"aac"}), "mov": ({"h264"}, {"aac"}), "webm": ({"vp8", "vp9"}, {"opus"})}
CHECKED = [offer for offer in OFFERS if offer.startswith("runware:")]


@pytest.fixture
def studio(site: Simulators) -> Studio:
    price_book.seed_prices()
    return make_studio(balance_micros=BALANCE, voice_seconds=2.1)


@pytest.fixture(autouse=True)
def the_ledger_verifies(db: None) -> Iterator[None]:
    yield
    assert verification.verify() == []


def wanted(studio: Studio, offer: str, **options: Any) -> Render:
    return ask(studio, model=registry.offer(offer).model, offer=offer, options=options)


def made(studio: Studio, offer: str, **options: Any) -> Render:
    render = drive(wanted(studio, offer, **options).pk)
    assert (render.state, render.offer) == (RenderState.READY, offer), render.failure_message
    assert render.charge_micros == charge_micros(render.measured_ms or 0, render.price.price_micros_per_second)
    return render


def stored(render: Render) -> tuple[str, VideoFacts]:
    """The container and the facts of our own file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "video"
        with default_storage.open(render.video.name or "") as file:
            path.write_bytes(file.read())
        return container_of(path), measure_video(path)


def told(simulators: Simulators, render: Render) -> dict[str, Any]:
    """The provider's view of the job: what our request carried, and its headers."""
    control = getattr(simulators, registry.offer(render.offer).provider)
    return dict(control.job(control.jobs()[0]["id"]))


@pytest.mark.parametrize("output_format", FORMATS)
@pytest.mark.parametrize("offer", OFFERS)
def test_each_format_with_each_offer(offer: str, output_format: str, studio: Studio, site: Simulators) -> None:
    render = made(studio, offer, output_format=output_format)
    container, facts = stored(render)
    assert (container, Path(render.video.name or "").suffix) == (output_format, f".{output_format}")
    assert facts.video_codec in CODECS[output_format][0]
    assert facts.audio_codec in CODECS[output_format][1]
    assert (facts.sha256, facts.bytes) == (render.video_sha256, render.video_bytes)
    assert abs(facts.duration_ms - (render.measured_ms or 0)) <= 40
    native = output_format in registry.provider_of(offer).capabilities.output_formats
    assert render.events.filter(reason="converted by us").exists() is not native
    if offer.startswith("runware:"):
        assert told(site, render)["request"]["outputFormat"] == output_format.upper()


@pytest.mark.parametrize("quality", [20, MIN_UNTOUCHED_QUALITY, 99])
@pytest.mark.parametrize("offer", OFFERS)
def test_each_quality_with_each_offer(offer: str, quality: int, studio: Studio, site: Simulators) -> None:
    """From 95 on a provider without a quality of its own is taken at its best, and its file stays as it came."""
    render = made(studio, offer, output_quality=quality)
    native = registry.provider_of(offer).capabilities.output_quality
    converted = [event.detail["conversion"] for event in render.events.filter(reason="converted by us")]
    assert converted == ([] if native or quality >= 95 else ["Encoded again by us at quality 20."])
    assert (stored(render)[0], stored(render)[1].has_audio) == ("mp4", True)
    if offer.startswith("runware:"):
        assert told(site, render)["request"]["outputQuality"] == quality


@pytest.mark.parametrize("offer", OFFERS)
def test_three_takes_are_three_renders_of_one_group(offer: str, studio: Studio) -> None:
    first = ask(studio, key="k", model=registry.offer(offer).model, offer=offer, options={"takes": 3})
    again = ask(studio, key="k", model=registry.offer(offer).model, offer=offer, options={"takes": 3})
    assert again.pk == first.pk
    group = RenderGroup.objects.get()
    takes = list(group.renders.order_by("pk"))
    assert [take.title[-6:] for take in takes] == ["take 1", "take 2", "take 3"]
    assert len({take.hold_id for take in takes}) == 3
    assert posting.balance(studio.workspace).held_micros == sum(take.ceiling_micros for take in takes)
    with pytest.raises(RequestRefused, match="used before"):
        ask(studio, key="k", model=registry.offer(offer).model, offer=offer, options={"takes": 2})
    assert drive(takes[2].pk).state == RenderState.READY


def test_takes_that_the_balance_does_not_cover_are_none(studio: Studio) -> None:
    offer = "aimlapi:klingai/avatar-pro"
    poor = make_studio(balance_micros=700_000, voice_seconds=2.1, slug="poor")
    with pytest.raises(InsufficientCredit):
        wanted(poor, offer, takes=4)
    assert Render.objects.for_workspace(poor.workspace).count() == RenderGroup.objects.count() == 0
    balance = posting.balance(poor.workspace)
    assert (balance.available_micros, balance.held_micros) == (700_000, 0)


@pytest.mark.parametrize("offer", OFFERS)
def test_files_are_deleted_on_time_and_the_row_stays(offer: str, studio: Studio, site: Simulators) -> None:
    render = made(studio, offer, ttl_seconds=60)
    assert render.delete_at is not None
    assert render.finished_at is not None
    assert 50 < (render.delete_at - render.finished_at).total_seconds() < 70
    names = [render.video.name or "", render.poster.name or ""]
    assert (sweep_kind("video_files"), [default_storage.exists(name) for name in names]) == (0, [True, True])
    Render.objects.filter(pk=render.pk).update(delete_at=timezone.now() - timedelta(seconds=1))
    assert (sweep_kind("video_files"), [default_storage.exists(name) for name in names]) == (1, [False, False])
    kept = Render.objects.get(pk=render.pk)
    assert (kept.state, bool(kept.video), kept.charge_micros) == (RenderState.READY, False, render.charge_micros)
    assert kept.files_deleted_at is not None
    assert sweep_kind("video_files") == 0
    if offer.startswith("runware:"):
        assert told(site, render)["request"]["ttl"] == 24 * 3600  # theirs lives until ours is surely here


@pytest.mark.parametrize("offer", OFFERS)
def test_the_file_is_put_to_the_address(offer: str, studio: Studio, inbox: Inbox, settings: Any) -> None:
    settings.TRUSTED_UPLOAD_ENDPOINTS = [inbox.url]
    inbox.answers.append(503)
    render = made(studio, offer, upload_endpoint=f"{inbox.url}/put/here?sig=s3cret")
    assert deliver_video(render.pk) is False
    waiting = Delivery.objects.get(render=render)
    assert (waiting.state, waiting.tries, waiting.last_status) == (DeliveryState.WAITING, 1, 503)
    assert deliver_video(render.pk) is False  # not due yet
    Delivery.objects.update(next_try_at=timezone.now())
    assert deliver_video(render.pk) is True
    delivery = Delivery.objects.get(render=render)
    assert (delivery.state, delivery.tries, delivery.last_answer) == (DeliveryState.DELIVERED, 2, "It answered 200.")
    taken = inbox.letters[-1]
    with default_storage.open(render.video.name or "") as file:
        assert taken.body == file.read()
    assert (taken.path, taken.headers["content-type"]) == ("/put/here?sig=s3cret", "video/mp4")
    assert deliver_video(render.pk) is False


@pytest.mark.parametrize("check", ["fast", "full"])
@pytest.mark.parametrize("offer", OFFERS)
def test_each_content_check_with_each_offer(offer: str, check: str, studio: Studio, site: Simulators) -> None:
    """By the provider where it has one, else by us, at every frame or some of them."""
    render = made(studio, offer, content_check=check)
    (found,) = [event.detail["content_check"] for event in render.events.filter(reason="content checked")]
    assert (render.nsfw_content, found["flagged"], found["level"], render.given_out) == (False, False, check, True)
    if offer in CHECKED:
        assert told(site, render)["request"]["safety"] == {"checkContent": True, "mode": check}
        assert found == {"level": check, "by": "provider", "flagged": False}
        return
    assert (found["by"], 0 < found["score"] < 0.2) == ("us", True)
    assert (found["frames"] == found["of_frames"]) == (check == "full")


def test_a_content_check_leaves_no_provider_out(studio: Studio) -> None:
    render = ask(studio, model="kling-avatar-2-pro", options={"content_check": "fast"})
    assert {render.offer, *(other["offer"] for other in render.fallbacks)} == {
        "runware:klingai:avatar@2.0-pro",
        "fal:fal-ai/kling-video/ai-avatar/v2/pro",
    }


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"output_format": "avi"}, "not a format"),
        ({"output_quality": 19}, "Choose 20 to 99"),
        ({"takes": 5}, "Choose 1 to 4"),
        ({"ttl_seconds": 59}, "Choose 60 to"),
        ({"content_check": "slow"}, "Choose one of none, fast, full"),
        ({"if_flagged": "hide"}, "Choose one of deliver, withhold"),
        ({"upload_endpoint": "http://example.org/x"}, "not https"),
        ({"upload_endpoint": "https://127.0.0.1/x"}, "can’t be reached"),
        ({"upload_endpoint": "https://[::1]/x"}, "can’t be reached"),
        ({"upload_endpoint": "https://169.254.169.254/x"}, "can’t be reached"),
        ({"upload_endpoint": "https://me:pw@example.org/x"}, "user name"),
        ({"webhook_url": "https://example.org"}, "There is no option"),
    ],
)
def test_what_is_no_value_is_refused_by_name(options: dict[str, Any], sentence: str, studio: Studio) -> None:
    with pytest.raises(RequestRefused, match=sentence) as refused:
        take(RenderRequest(studio.workspace, studio.project, studio.portrait, studio.voice, options=options), user=None)
    assert refused.value.field == next(iter(options))


@pytest.mark.parametrize("address", ["https://127.0.0.1:9/x", "https://localhost:9/x", "http://127.0.0.1:9/x"])
def test_a_file_never_leaves_for_a_private_address(address: str, studio: Studio) -> None:
    """Whatever stood in the request: what counts is where the name leads when the file is sent."""
    render = made(studio, "local:draft")
    Delivery.objects.create(render=render, url=address, next_try_at=timezone.now())
    assert deliver_video(render.pk) is False
    delivery = Delivery.objects.get(render=render)
    assert (delivery.state, delivery.tries) == (DeliveryState.GIVEN_UP, 1)
    assert "is not followed" in delivery.last_answer


def test_a_delivery_is_given_up_in_the_end(studio: Studio, inbox: Inbox, settings: Any) -> None:
    settings.TRUSTED_UPLOAD_ENDPOINTS = [inbox.url]
    render = made(studio, "local:draft", upload_endpoint=f"{inbox.url}/put")
    inbox.answers.extend([500] * MAX_TRIES)
    for _ in range(MAX_TRIES + 1):
        deliver_video(render.pk)
        Delivery.objects.filter(state=DeliveryState.WAITING).update(next_try_at=timezone.now())
    delivery = Delivery.objects.get(render=render)
    assert (delivery.state, delivery.tries, len(inbox.letters)) == (DeliveryState.GIVEN_UP, MAX_TRIES, MAX_TRIES)
