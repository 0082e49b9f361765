"""A content check the whole way: what is marked is delivered or withheld as was asked, and costs what was agreed."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.test import Client

from avatarsite.audit.models import AuditEntry
from avatarsite.outbox.models import Event
from avatarsite.workspaces.models import Member, Role, User
from billing.money import charge_micros
from billing.prices import price_book
from billing.verify import verification
from studio.errors import RequestRefused
from studio.gateway.links import video_link
from studio.media import judge
from studio.media.sandbox import Excess, Limits, OverLimit
from studio.models import Delivery, DeliveryState, Render, RenderState, ShareLink, UploadKind
from studio.models.content import ContentCheck, IfFlagged
from studio.pipeline.content.withhold import give_back_out, release, withhold
from studio.pipeline.deliver import deliver_video
from studio.pipeline.drive import drive
from studio.pipeline.request.take import retry_render
from studio.pipeline.request.usual_checks import choose_checks
from studio.providers import registry
from studio.representation import serialize_render
from studio.sharing.links import ShareRefused, Terms, address_of, make_link
from studio.uploads.add import add_upload
from tests.flows.cast import Studio, ask, make_studio
from tests.simulators.fixture import Inbox, Simulators
from tests.support.paintings import painted_portrait

pytest_plugins = ["tests.simulators.fixture"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.process]
OURS = ["fal:fal-ai/kling-video/ai-avatar/v2/pro", "aimlapi:klingai/avatar-pro"]
RUNWARE = "runware:klingai:avatar@2.0-pro"
WITHHELD = {"content_check": "fast", "if_flagged": "withhold"}


@pytest.fixture
def studio(site: Simulators) -> Studio:
    """Its portrait is one that our check marks."""
    price_book.seed_prices()
    made = make_studio(balance_micros=50_000_000, voice_seconds=2.1)
    file = ContentFile(painted_portrait())
    return replace(made, portrait=add_upload(made.workspace, kind=UploadKind.PORTRAIT, file=file, name="painted.jpg"))


@pytest.fixture
def owner(studio: Studio) -> User:
    owner = User.objects.create_user("owner@example.com", "a long password")
    Member.objects.create(workspace=studio.workspace, user=owner, role=Role.OWNER)
    return owner


@pytest.fixture(autouse=True)
def the_ledger_verifies(db: None) -> Iterator[None]:
    yield
    assert verification.verify() == []


def made(studio: Studio, offer: str = OURS[0], **options: Any) -> Render:
    render = drive(ask(studio, model=registry.offer(offer).model, offer=offer, options=options).pk)
    assert render.state == RenderState.READY, render.failure_message
    assert render.charge_micros == charge_micros(render.measured_ms or 0, render.price.price_micros_per_second)
    return render


def events(render: Render) -> list[str]:
    kinds = Event.objects.filter(subject=f"render:{render.pk}").order_by("row").values_list("kind", flat=True)
    return [kind for kind in kinds if kind in {"render.ready", "render.withheld", "render.released"}]


@pytest.mark.parametrize("offer", OURS)
@pytest.mark.parametrize("check", ["fast", "full"])
def test_what_we_mark_is_delivered_with_its_mark(studio: Studio, offer: str, check: str) -> None:
    render = made(studio, offer, content_check=check)
    told = serialize_render(render)
    assert (told["nsfw_content"], told["withheld"]) == (True, None)
    assert [output["kind"] for output in told["outputs"]] == ["video", "poster"]
    assert Event.objects.get(kind="render.ready").data["nsfw_content"] is True


def test_what_the_provider_marks_is_withheld_where_that_was_asked(studio: Studio, site: Simulators) -> None:
    site.runware.fault("moderated", shape="flag")
    render = made(studio, RUNWARE, **WITHHELD)
    assert (render.nsfw_content, render.withheld_for, serialize_render(render)["outputs"]) == (True, "flagged", [])


def test_nothing_is_looked_for_unasked(studio: Studio) -> None:
    render = made(studio)
    assert (render.nsfw_content, render.given_out) == (None, True)
    assert not render.events.filter(reason="content checked").exists()


def test_a_withheld_video_is_given_to_nobody_until_it_is_released(
    studio: Studio, owner: User, client: Client, inbox: Inbox, settings: Any
) -> None:
    settings.TRUSTED_UPLOAD_ENDPOINTS = [inbox.url]
    render = made(studio, **WITHHELD, upload_endpoint=f"{inbox.url}/put")
    client.force_login(owner)
    page = f"/w/{studio.workspace.slug}/videos/{render.pk}/"
    told = Event.objects.get(kind="render.ready").data
    assert (told["withheld"]["reason"], told["outputs"], told["nsfw_content"]) == ("flagged", [], True)
    assert (video_link(render), Delivery.objects.count()) == ("", 0)
    with pytest.raises(ShareRefused, match="Only a video that is ready"):
        make_link(render, Terms(), user=owner)
    assert client.get(f"{page}file").status_code == 404
    shown = client.get(page).content.decode()
    assert ("Release it" in shown, "<video" in shown, "?download=1" in shown) == (True, False, False)

    assert client.post(f"{page}release/").status_code == 302
    render.refresh_from_db()
    assert (render.withheld_at, render.withheld_for, render.nsfw_content) == (None, "", True)
    assert events(render) == ["render.ready", "render.released"]
    assert client.get(f"{page}file").status_code == 302
    assert "The content check marked this video" in client.get(page).content.decode()
    assert deliver_video(render.pk) is True
    assert AuditEntry.objects.get(event="video.released").actor == owner.email
    assert release(render, user=owner) is False


def test_the_operator_s_lever_shuts_what_was_open_and_no_customer_opens_it(
    studio: Studio, owner: User, client: Client, inbox: Inbox, settings: Any
) -> None:
    settings.TRUSTED_UPLOAD_ENDPOINTS = [inbox.url]
    render = made(studio, upload_endpoint=f"{inbox.url}/put")
    link = make_link(render, Terms(embed_origins=("*",)), user=owner)
    shared = address_of(link, site="")
    assert client.get(shared).status_code == 200
    assert withhold(render, why="Somebody did not agree to it.") is True
    assert [client.get(shared).status_code, client.get(f"{shared}video").status_code] == [404, 404]
    assert (deliver_video(render.pk), Delivery.objects.get().state) == (False, DeliveryState.GIVEN_UP)
    assert inbox.letters == []
    with pytest.raises(RequestRefused, match="Write to them"):
        release(render, user=owner)
    client.force_login(owner)
    page = client.get(f"/w/{studio.workspace.slug}/videos/{render.pk}/").content.decode()
    assert ("Somebody did not agree to it." in page, "Release it" in page) == (True, False)
    assert give_back_out(render, why="They do now.") is True
    assert events(render) == ["render.ready", "render.withheld", "render.released"]
    assert client.get(shared).status_code == 200
    assert ShareLink.objects.get().revoked_at is None


def test_a_check_that_can_t_be_made_loses_no_video(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    def stalls(*_: Any, **__: Any) -> None:
        raise OverLimit(Excess.TIME, Limits())

    monkeypatch.setattr(judge, "content", stalls)
    delivered, kept = made(studio, content_check="full"), made(studio, **WITHHELD)
    assert (delivered.nsfw_content, delivered.given_out) == (None, True)
    assert (kept.nsfw_content, kept.withheld_for) == (None, "unchecked")


def test_the_workspace_s_usual_check_counts_where_a_request_names_none(studio: Studio, owner: User) -> None:
    model = registry.offer(OURS[0]).model
    first = ask(studio, key="k", model=model, offer=OURS[0])
    choose_checks(studio.workspace, ContentCheck.FAST, IfFlagged.WITHHOLD, user=owner)
    again, usual = ask(studio, key="k", model=model, offer=OURS[0]), made(studio)
    named = made(studio, content_check="none")
    assert again.pk == first.pk  # the same request, whatever is usual by now
    assert (usual.options["content_check"], usual.withheld_for) == ("fast", "flagged")
    assert (named.options["content_check"], named.given_out) == ("none", True)
    assert retry_render(usual, user=owner).options == usual.options


def test_each_part_of_a_long_video_is_checked_and_the_whole_is_what_they_are(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    from studio.pipeline.long import sound  # noqa: PLC0415
    from studio.uploads import listening  # noqa: PLC0415
    from tests.flows.test_long_video import PITCHES, spoken  # noqa: PLC0415

    monkeypatch.setattr(listening, "MAX_AT_ONCE_MS", 7_000)
    monkeypatch.setattr(sound, "MIN_PART_MS", 2_000)
    monkeypatch.setattr(sound, "MAX_PART_MS", 5_000)
    monkeypatch.setattr("django.conf.settings.CONTENT_CHECK_THRESHOLD", 0.0001)
    file = io.BytesIO(spoken(PITCHES))
    voice = add_upload(studio.workspace, kind=UploadKind.VOICE, file=ContentFile(file.read()), name="lecture.wav")
    render = drive(ask(replace(studio, voice=voice), options=WITHHELD).pk)
    parts = [part.render for part in render.parts.select_related("render")]
    assert render.is_whole
    assert (render.state, render.nsfw_content, render.withheld_for) == (RenderState.READY, True, "flagged")
    assert {(part.nsfw_content, part.withheld_for) for part in parts} == {(True, "flagged")}
    assert {part["url"] for part in serialize_render(render)["parts"]} == {None}
    assert render.charge_micros == sum(part.charge_micros or 0 for part in parts)
    assert release(render, user=None) is True
    assert {part.given_out for part in Render.objects.filter(whole=render)} == {True}
