from __future__ import annotations

import html
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from avatarsite.audit.models import AuditEntry
from avatarsite.web.places import NoPlace
from avatarsite.workspaces.models import Workspace
from billing.ledger import posting
from studio.forms import VideoForm
from studio.models import Captions, Render, Upload
from studio.pipeline.request.options import DEFAULTS
from studio.projects import change_project, create_project, project_for_new_video
from studio.storage.local import signed_link
from studio.uploads import samples
from studio.uploads.samples import PORTRAIT, VOICE
from studio.views.maker import drafts
from tests.conftest import Cast
from tests.studio import shop


@pytest.fixture
def house(cast: Cast) -> Workspace:
    return shop.open_shop(cast.workspace)


@pytest.fixture
def owner(cast: Cast) -> Client:
    return cast.browser(cast.alice)


def url(name: str, house: Workspace, **more: str) -> str:
    return reverse(name, kwargs={"workspace": house.slug, **more})


def wish(house: Workspace, **also: Any) -> dict[str, Any]:
    """What the form sends when everything is right."""
    return {
        "portrait": shop.portrait_of(house).pk,
        "voice": shop.voice_of(house).pk,
        "model": "draft",
        "output_format": "mp4",
        "output_quality": "95",
        "idempotency_key": "a-key",
        "max_amount_micros": str(shop.CEILING_MICROS),
        **also,
    }


def text(answer: Any) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


SAYS_SO = "A sample of ours, to start with. Replace it with your own."


def test_a_first_visit_finds_the_sample_in_the_slots_and_later_ones_do_not(owner: Client, house: Workspace) -> None:
    first = owner.get(url("video_new", house), follow=True)
    assert [first.context[slot].upload.name for slot in ("portrait_slot", "voice_slot")] == [
        "Sample portrait.jpg",
        "Sample voice.mp3",
    ]
    assert (first.context["panel"].can_be_made, text(first).count(SAYS_SO)) == (True, 2)
    assert owner.get(first.redirect_chain[0][0]).content.count(SAYS_SO.encode()) == 2
    later = owner.get(url("video_new", house))
    assert (later.status_code, later.context["portrait_slot"].upload, SAYS_SO in text(later)) == (200, None, False)
    assert Upload.objects.for_workspace(house).count() == 2


def test_the_slot_and_its_crops_show_the_thumbnail_alone(owner: Client, house: Workspace) -> None:
    first = owner.get(url("video_new", house), follow=True)
    portrait = first.context["portrait_slot"].upload
    page = first.content.decode()
    shown = re.findall(r'(?:src|href)="([^"]+)"', page)
    small = signed_link(portrait.details["thumbnail"]).partition("?")[0]
    whole = signed_link(portrait.file.name).partition("?")[0]
    assert sum(address.startswith(small) for address in shown) == 1 + page.count('class="crops__picture"')
    assert [address for address in shown if address.startswith(whole)] == []


def test_a_replaced_sample_is_called_none(owner: Client, house: Workspace) -> None:
    owner.get(url("video_new", house))
    own = wish(house)
    mixed = owner.get(url("video_new", house), {"portrait": own["portrait"], "voice": find_sample(house).pk})
    assert text(mixed).count(SAYS_SO) == 1
    assert text(owner.get(url("video_new", house), own)).count(SAYS_SO) == 0


def test_where_there_is_something_or_no_room_nothing_is_put_into_the_slots(
    owner: Client, house: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise NoPlace

    monkeypatch.setattr(samples, "add_samples", refuse)
    full = owner.get(url("video_new", house))
    assert (full.status_code, "Use the sample" in text(full)) == (200, True)
    monkeypatch.undo()
    shop.portrait_of(house)
    taken = owner.get(url("video_new", house))
    assert (taken.status_code, "Use the sample" in text(taken), SAYS_SO in text(taken)) == (200, False, False)


def find_sample(house: Workspace) -> Upload:
    return Upload.objects.for_workspace(house).get(name="Sample voice.mp3")


def test_the_sample_fills_both_slots_and_is_priced(owner: Client, house: Workspace) -> None:
    answer = owner.post(url("upload_samples", house), follow=True)
    assert [answer.context[slot].upload.name for slot in ("portrait_slot", "voice_slot")] == [
        "Sample portrait.jpg",
        "Sample voice.mp3",
    ]
    assert answer.context["panel"].can_be_made is True
    assert Upload.objects.for_workspace(house).count() == 2
    owner.post(url("upload_samples", house))
    assert Upload.objects.for_workspace(house).count() == 2


def test_a_viewer_may_not_open_the_form_nor_send_it(cast: Cast, house: Workspace) -> None:
    bob = cast.browser(cast.bob)
    page = url("video_new", house)
    assert [bob.get(page).status_code, bob.post(page, wish(house)).status_code] == [403, 403]
    assert Render.objects.count() == 0


def test_the_quote_tells_ceiling_price_and_balance_after(owner: Client, house: Workspace) -> None:
    answer = owner.post(url("video_quote", house), wish(house))
    words = text(answer)
    assert "At most $1.01" in words
    assert "Voice 10 s" in words
    assert "Video, at most 10.04 s" in words
    assert "Per second $0.1000" in words
    assert "Balance after $3.99" in words
    assert f'name="max_amount_micros" value="{shop.CEILING_MICROS}"' in answer.content.decode()
    assert "<html" not in answer.content.decode()


def test_the_quote_writes_nothing(owner: Client, house: Workspace) -> None:
    owner.post(url("video_quote", house), wish(house))
    assert Render.objects.count() == 0
    assert posting.balance(house).held_micros == 0


def test_without_a_voice_there_is_no_price_and_no_button_to_press(owner: Client, house: Workspace) -> None:
    answer = owner.post(url("video_quote", house), wish(house, voice=""))
    assert "Add a voice, and the price stands here" in text(answer)
    assert "It needs a voice." in text(answer)
    assert answer.context["panel"].can_be_made is False
    assert "max_amount_micros" not in answer.content.decode()


def test_what_is_missing_is_said_before_anybody_presses(cast: Cast) -> None:
    poor = shop.open_shop(cast.workspace, dollars=1)
    answer = cast.browser(cast.alice).post(url("video_quote", poor), wish(poor))
    assert "$0.01 is missing. This video holds $1.01 and $1.00 is available." in text(answer)
    assert answer.context["panel"].can_be_made is False


def test_the_quote_survives_nonsense(owner: Client, house: Workspace) -> None:
    answer = owner.post(url("video_quote", house), {"portrait": "x\0y", "voice": "nope", "model": "?", "routing": "?"})
    assert answer.status_code == 200


def test_a_provider_pinned_for_another_model_is_no_longer_pinned(owner: Client, house: Workspace) -> None:
    answer = owner.post(url("video_quote", house), wish(house, routing="runware"))
    assert answer.context["panel"].line.offer == shop.OFFER


def test_pressing_the_button_makes_one_render_with_its_hold(owner: Client, house: Workspace) -> None:
    answer = owner.post(
        url("video_new", house),
        wish(house, title="My title", prompt="calm", output_format="webm", output_quality="80"),
    )
    video = Render.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, url("video", house, render=video.pk))
    assert (video.title, video.prompt, video.state) == ("My title", "calm", "queued")
    assert video.options == DEFAULTS | {"output_format": "webm", "output_quality": 80}
    assert posting.balance(house).held_micros == shop.CEILING_MICROS


def test_sending_the_form_twice_makes_one_render(owner: Client, house: Workspace) -> None:
    answers = [owner.post(url("video_new", house), wish(house)) for _ in range(2)]
    assert len({answer["Location"] for answer in answers}) == 1
    assert Render.objects.count() == 1
    assert posting.balance(house).held_micros == shop.CEILING_MICROS


def test_a_key_used_for_another_video_is_refused_and_replaced(owner: Client, house: Workspace) -> None:
    owner.post(url("video_new", house), wish(house))
    answer = owner.post(url("video_new", house), wish(house, prompt="something else"))
    assert answer.status_code == 422
    assert "This key was used before for another video." in text(answer)
    assert 'value="a-key"' not in answer.content.decode()
    assert Render.objects.count() == 1


def test_a_price_that_rose_since_it_was_seen_is_not_taken(owner: Client, house: Workspace) -> None:
    answer = owner.post(url("video_new", house), wish(house, max_amount_micros="1003999"))
    assert answer.status_code == 422
    assert "The price has gone up since you saw it." in text(answer)
    assert Render.objects.count() == 0


def test_too_little_credit_is_refused_with_the_amount(cast: Cast) -> None:
    poor = shop.open_shop(cast.workspace, dollars=1)
    answer = cast.browser(cast.alice).post(url("video_new", poor), wish(poor))
    assert answer.status_code == 422
    assert "$0.0040 is missing" in text(answer)
    assert Render.objects.count() == 0


def test_a_frozen_wallet_is_explained(owner: Client, house: Workspace) -> None:
    posting.freeze(house, reason="a dispute")
    assert "The credit of this workspace is frozen." in text(owner.post(url("video_quote", house), wish(house)))
    answer = owner.post(url("video_new", house), wish(house))
    assert (answer.status_code, Render.objects.count()) == (422, 0)


@pytest.mark.parametrize(
    ("sent", "sentence"),
    [
        ({"portrait": ""}, "Add a portrait: the face that will talk."),
        ({"voice": ""}, "Add a voice: what the portrait will say."),
        ({"voice": "upl_gone"}, "This voice is gone. Choose another."),
        ({"prompt": "x" * 2501}, "The prompt has 2501 characters; the limit is 2500."),
        ({"output_quality": "100"}, "Write a whole number from 20 to 99."),
        ({"output_quality": "best"}, "Write a whole number from 20 to 99."),
        ({"output_format": "avi"}, "There is no format avi. Choose MP4, WebM or MOV."),
        ({"title": "x" * 121}, "The title has 121 characters; the limit is 120."),
        ({"project": "prj_gone"}, "This project takes no new videos. Choose another."),
    ],
)
def test_a_refusal_stands_at_its_field_and_keeps_the_inputs(
    owner: Client, house: Workspace, sent: dict[str, str], sentence: str
) -> None:
    answer = owner.post(url("video_new", house), wish(house, **{"prompt": "keep me", **sent}))
    assert answer.status_code == 422
    assert sentence in text(answer)
    assert "Nothing was made and nothing is held. Look at what is marked below." in text(answer)
    page = answer.content.decode()
    kept = [name for name in ("portrait", "voice") if name not in sent]
    for name in kept:
        assert f'name="{name}" value="{wish(house)[name]}"' in page
    if "prompt" not in sent:
        assert "keep me</textarea>" in page
    assert Render.objects.count() == 0


def test_an_upload_of_another_workspace_can_not_be_used(cast: Cast, owner: Client, house: Workspace) -> None:
    his = shop.voice_of(cast.charlie.workspaces.get(), "private.mp3")
    answer = owner.post(url("video_new", house), wish(house, voice=his.pk))
    assert answer.status_code == 422
    assert "This voice is gone. Choose another." in text(answer)
    assert "private.mp3" not in answer.content.decode()
    seen = owner.get(url("video_new", house), {"voice": his.pk})
    assert "private.mp3" not in seen.content.decode()


def test_without_a_script_files_come_with_the_form_and_the_price_is_shown_first(
    owner: Client, house: Workspace
) -> None:
    files = {
        "portrait_file": SimpleUploadedFile("me.jpg", PORTRAIT.read_bytes()),
        "voice_file": SimpleUploadedFile("me.mp3", VOICE.read_bytes()),
    }
    page = url("video_new", house)
    answer = owner.post(page, {"model": "draft", "output_format": "mp4", "output_quality": "95", **files})
    assert answer.status_code == 200
    assert "This is the price. Press the button again to make the video." in text(answer)
    assert Render.objects.count() == 0
    portrait, voice, panel = (answer.context[name] for name in ("portrait_slot", "voice_slot", "panel"))
    chosen = {
        "portrait": portrait.upload.pk,
        "voice": voice.upload.pk,
        "max_amount_micros": panel.line.ceiling_micros,
        "idempotency_key": answer.context["key"],
    }
    owner.post(page, wish(house, **chosen))
    assert Render.objects.get().voice.name == "me.mp3"


def test_without_a_script_a_bad_file_is_refused_at_its_slot(owner: Client, house: Workspace) -> None:
    bad = SimpleUploadedFile("me.jpg", b"this is no picture at all")
    answer = owner.post(url("video_new", house), wish(house, portrait_file=bad))
    assert answer.status_code == 422
    assert answer.context["portrait_slot"].error.startswith("The portrait is")
    assert answer.context["voice_slot"].upload.name == "hello there.mp3"
    assert Render.objects.count() == 0


def test_using_a_video_again_brings_all_its_inputs(owner: Client, house: Workspace) -> None:
    made = shop.ready(house, "The first", prompt="smile", options={"output_format": "mov", "output_quality": 60})
    answer = owner.get(url("video_new", house), {"again": made.pk})
    form = answer.context["form"]
    assert [form[name].value() for name in ("title", "prompt", "output_format", "output_quality", "project")] == [
        "The first",
        "smile",
        "mov",
        60,
        made.project_id,
    ]
    assert [answer.context[slot].upload for slot in ("portrait_slot", "voice_slot")] == [made.portrait, made.voice]


def test_a_video_in_a_project_starts_from_the_projects_defaults(owner: Client, house: Workspace) -> None:
    portrait = shop.portrait_of(house)
    project = create_project(house, "Series")
    change_project(project, name="Series", portrait=portrait, defaults={"prompt": "nod", "output_quality": 50})
    create_project(house, "A newer one")
    answer = owner.get(url("video_new", house), {"project": project.pk})
    form = answer.context["form"]
    assert answer.context["portrait_slot"].upload == portrait
    assert [form[name].value() for name in ("prompt", "output_format", "output_quality", "project")] == [
        "nod",
        "mp4",
        50,
        project.pk,
    ]


def test_the_first_video_makes_the_first_project(owner: Client, house: Workspace) -> None:
    owner.post(url("video_new", house), wish(house))
    assert Render.objects.get().project == project_for_new_video(house)
    assert house.projects.count() == 1


def test_the_frame_asks_for_no_inline_script_or_style(owner: Client, house: Workspace) -> None:
    page = owner.get(url("video_new", house)).content.decode()
    assert re.findall(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=|hx-on|javascript:", page) == []


# --- The address is the draft --------------------------------------------------------------------------------------


def test_the_address_names_all_of_a_draft(owner: Client, house: Workspace) -> None:
    project = create_project(house, "Series")
    change_project(project, name="Series", portrait=None, defaults={"prompt": "nod", "output_quality": 50})
    typed = {
        "title": "Üben",
        "prompt": "calm & slow",
        "model": "draft",
        "takes": "3",
        "output_format": "webm",
        "output_quality": "70",
        "ttl_seconds": "86400",
        "captions": "box",
    }
    chosen = {"portrait": shop.portrait_of(house).pk, "voice": shop.voice_of(house).pk, "project": project.pk}
    answer = owner.get(url("video_new", house), {"draft": "1", **typed, **chosen})
    form = answer.context["form"]
    assert {name: form[name].value() for name in typed} == typed
    assert [answer.context[slot].upload.pk for slot in ("portrait_slot", "voice_slot")] == [
        chosen["portrait"],
        chosen["voice"],
    ]
    assert answer.context["panel"].ceiling_micros == 3 * shop.CEILING_MICROS
    assert f'<option value="{project.pk}" selected>Series</option>' in answer.content.decode()
    # What a draft does not name is as the product has it, not as the project does.
    short = owner.get(url("video_new", house), {"draft": "1", "project": project.pk}).context["form"]
    assert [short[name].value() for name in ("prompt", "output_quality")] == [None, 95]


def test_whatever_can_be_chosen_is_in_the_address() -> None:
    """But what is stated of these files alone, what may hold a key, and what the page is sent with."""
    stated, secret = {"accept_warnings", "rights"}, {"upload_endpoint"}
    sent = {"portrait_file", "voice_file", "idempotency_key", "max_amount_micros", "quote"}
    named = {"portrait", "voice", "project", *drafts.TYPED}
    assert set(VideoForm.base_fields) - stated - secret - sent == named


@pytest.mark.parametrize(
    "nonsense",
    [
        {"takes": "many", "content_check": "x", "output_quality": "best", "output_format": "avi"},
        {"portrait": "upl_gone", "voice": "x\0y", "project": "prj_gone", "model": "?", "routing": "?", "fallback": "?"},
        {"prompt": "x\0" * 3000, "title": "y" * 500, "ttl_seconds": "-1", "draft": "<script>"},
    ],
)
def test_an_address_may_say_anything(owner: Client, house: Workspace, nonsense: dict[str, str]) -> None:
    assert owner.get(url("video_new", house), {"draft": "1", **nonsense}).status_code == 200


def test_where_the_file_goes_is_never_taken_from_an_address(owner: Client, house: Workspace) -> None:
    answer = owner.get(url("video_new", house), {"draft": "1", "upload_endpoint": "https://evil.example/put"})
    assert "evil.example" not in answer.content.decode()


def test_what_is_missing_can_be_added_with_the_way_back_to_this_draft(cast: Cast, settings: Any) -> None:
    settings.STRIPE_SECRET_KEY = "sk_test_x"
    poor = shop.open_shop(cast.workspace, dollars=1)
    alice = cast.browser(cast.alice)
    answer = alice.post(url("video_new", poor), wish(poor, prompt="keep me", takes="2", project=""))
    link = re.search(r'href="([^"]+)" data-pay>([^<]+)<', answer.content.decode())
    assert link
    assert link[2].strip() == "Add $1.01"
    asked = parse_qs(urlsplit(html.unescape(link[1])).query)
    assert asked["amount"] == ["1.01"]
    again = alice.get(asked["next"][0])
    form = again.context["form"]
    assert [form[name].value() for name in ("prompt", "takes", "portrait", "voice")] == [
        "keep me",
        "2",
        shop.portrait_of(poor).pk,
        shop.voice_of(poor).pk,
    ]


def test_who_can_not_buy_is_told_who_can(cast: Cast, settings: Any) -> None:
    settings.STRIPE_SECRET_KEY = "sk_test_x"
    poor = shop.open_shop(cast.workspace, dollars=1)
    words = text(cast.browser(cast.emil).post(url("video_quote", poor), wish(poor)))
    assert "Owners, admins and billing managers can buy credit; your draft stays at this address." in words
    assert "Add $" not in words


def test_a_new_project_takes_no_video_by_itself_and_the_fold_says_where_it_goes(
    owner: Client, house: Workspace
) -> None:
    assert "In First project · MP4, quality 95" in text(owner.get(url("video_new", house), follow=True))
    owner.post(url("video_new", house), wish(house))
    newer = create_project(house, "A newer one")
    page = owner.get(url("video_new", house))
    assert "In First project · MP4, quality 95" in text(page)
    first = Render.objects.get().project
    assert f'<option value="{first.pk}" selected>First project</option>' in page.content.decode()
    owner.post(url("video_new", house), wish(house, idempotency_key="b"))
    assert not newer.renders.exists()
    assert "In A newer one ·" in text(owner.get(url("video_new", house), {"project": newer.pk}))


def test_a_form_sent_after_signing_out_leads_back_to_all_of_it(owner: Client, house: Workspace) -> None:
    page = f"{url('video_new', house)}?draft=1&prompt=keep+me"
    owner.logout()
    answer = owner.post(page, wish(house), headers={"Referer": f"http://testserver{page}"})
    assert parse_qs(urlsplit(answer["Location"]).query)["next"] == [page]
    quote = owner.post(
        url("video_quote", house), wish(house), headers={"HX-Request": "true", "HX-Current-URL": f"http://x{page}"}
    )
    assert parse_qs(urlsplit(quote["HX-Redirect"]).query)["next"] == [page]
    elsewhere = owner.post(page, wish(house), headers={"Referer": f"https://evil.example{page}"})
    assert parse_qs(urlsplit(elsewhere["Location"]).query)["next"] == ["/"]


# --- Portraits judged before money ------------------------------------------------------------------------------------

WARNING = {"code": "no_face", "message": "No face was found in it.", "remedy": "Choose another picture."}


def doubtful(house: Workspace) -> Upload:
    portrait = shop.portrait_of(house)
    portrait.details = portrait.details | {"warnings": [WARNING]}
    portrait.save()
    return portrait


def test_a_paid_video_of_a_doubtful_portrait_is_made_only_once_that_is_confirmed(
    owner: Client, house: Workspace
) -> None:
    portrait = doubtful(house)
    silent = wish(house, portrait=portrait.pk)
    page = owner.post(url("video_new", house), silent)
    assert page.status_code == 422
    assert "Nothing was made. Confirm this, or choose another portrait." in text(page)
    another = owner.post(url("video_new", house), silent | {"accept_warnings": shop.portrait_of(house).pk + "x"})
    assert (another.status_code, Render.objects.count()) == (422, 0)
    answer = owner.post(url("video_new", house), silent | {"accept_warnings": portrait.pk})
    assert (answer.status_code, Render.objects.get().portrait) == (302, portrait)


def test_the_choice_stands_above_the_models_and_stays(owner: Client, house: Workspace) -> None:
    portrait = doubtful(house)
    asked = wish(house, portrait=portrait.pk)
    plain, kept = (
        owner.post(url("video_quote", house), asked | said).content.decode()
        for said in ({}, {"accept_warnings": portrait.pk})
    )
    assert ('hx-swap-oob="true"' in plain, WARNING["message"] in plain) == (True, True)
    assert [bool(re.search(r'name="accept_warnings"[^>]* checked', page)) for page in (plain, kept)] == [False, True]
    whole = owner.get(url("video_new", house), {"portrait": portrait.pk, "voice": asked["voice"]})
    assert whole.content.count(WARNING["message"].encode()) == 2
    assert b"accept_warnings" not in owner.get(url("video_new", house), wish(house)).content.split(b"hx-params")[0]


def test_a_crop_without_a_script_keeps_the_draft(owner: Client, house: Workspace) -> None:
    portrait, voice = samples.add_samples(house)
    typed = {"voice": voice.pk, "prompt": "calm", "title": "Mine", "ratio": "4:5"}
    answer = owner.post(url("upload_crop", house, upload=portrait.pk), typed)
    said = parse_qs(urlsplit(answer["Location"]).query)
    crop = Upload.objects.get(name="Sample portrait 4x5.jpg")
    assert {name: said[name] for name in ("portrait", "voice", "prompt", "title")} == {
        "portrait": [crop.pk],
        "voice": [voice.pk],
        "prompt": ["calm"],
        "title": ["Mine"],
    }
    back = owner.post(url("upload_crop", house, upload=portrait.pk), typed | {"ratio": "whole"})
    assert parse_qs(urlsplit(back["Location"]).query)["portrait"] == [portrait.pk]
    refused = owner.post(url("upload_crop", house, upload=portrait.pk), {"ratio": "3:2"}, follow=True)
    assert "There is no crop to" in text(refused)


def test_a_voice_whose_words_are_known_brings_its_captions(owner: Client, house: Workspace) -> None:
    owner.post(url("video_new", house), wish(house))
    assert not Captions.objects.exists()  # nobody has told what this voice says
    answer = owner.post(url("video_new", house), wish(house, captions="box", idempotency_key="in the picture"))
    assert (answer.status_code, Captions.objects.exists()) == (422, False)
    assert "Nobody has told what this voice says. Send its words as text, or an SRT or WebVTT file." in html.unescape(
        text(answer)
    )
    Upload.objects.filter(kind="voice").update(script="Hello.", sentences=[[0, 900, "Hello."]])
    for choice in ("", "none", "karaoke"):
        owner.post(url("video_new", house), wish(house, captions=choice, idempotency_key=f"captions {choice}"))
    made = Captions.objects.order_by("render__created_at").values_list("source", "burn")
    assert list(made) == [("script", ""), ("script", "karaoke")]


def test_what_a_marked_video_costs_is_said_before(cast: Cast) -> None:
    shop.open_shop(cast.workspace)
    asked = {"portrait": shop.portrait_of(cast.workspace).pk, "voice": shop.voice_of(cast.workspace).pk}
    browser, page = cast.browser(cast.alice), f"/w/{cast.workspace.slug}/videos/quote/"
    said = [browser.post(page, asked | {"content_check": check}).content.decode() for check in ("none", "full")]
    assert ["costs the same, delivered or withheld" in text for text in said] == [False, True]


def test_the_form_starts_with_the_usual_check_and_the_settings_keep_it(
    cast: Cast, django_capture_on_commit_callbacks: Any
) -> None:
    browser, page = cast.browser(cast.alice), f"/w/{cast.workspace.slug}/settings/content/"
    assert browser.post(page, {"content_check": "slow", "if_flagged": "withhold"}).status_code == 422
    with django_capture_on_commit_callbacks(execute=True):
        assert browser.post(page, {"content_check": "full", "if_flagged": "withhold"}).status_code == 302
    form = browser.get(f"/w/{cast.workspace.slug}/videos/new/?draft=1").content.decode()
    assert [f'<option value="{value}" selected>' in form for value in ("full", "withhold")] == [True, True]
    what = AuditEntry.objects.get(event="content.usual_changed").what
    assert what.endswith("a marked video is withheld; videos get no visible label")


def test_words_that_were_changed_after_they_were_spoken_are_not_left_out_in_silence(
    owner: Client, house: Workspace
) -> None:
    form = wish(house)
    Upload.objects.filter(pk=form["voice"]).update(script="The old words.\nTwo lines.")
    refused = owner.post(url("video_new", house), form | {"script": "The new words."})
    assert refused.status_code == 422
    assert "The words have changed since they were spoken." in text(refused)
    assert not Render.objects.exists()
    for same in ("The old words.\r\nTwo lines.", ""):
        assert owner.post(url("video_new", house), form | {"script": same}).status_code == 302
