"""A long video as its customers, their programs and the operator see it."""

from __future__ import annotations

import csv
import io
from typing import Any
from urllib.parse import unquote_plus

import pytest
from django.test import Client
from django.urls import reverse

from avatarsite.mail.models import MailMessage
from avatarsite.outbox.models import Event
from avatarsite.workspaces.models import Scope, User, Workspace
from avatarsite.workspaces.tokens import make_token
from billing.models import Transfer
from studio.models import Render, Upload
from studio.pipeline.notify import WORTH_A_MAIL
from studio.pipeline.request.batches import status_of
from tests.conftest import PASSWORD, Cast
from tests.studio import shop
from tests.studio.pipeline.long import house as at

pytestmark = pytest.mark.django_db
PART_CEILING, PART_CHARGE = 10_004_000, 10_000_000


class Program:
    def __init__(self, house: Workspace, user: User) -> None:
        _, secret = make_token(house, user=user, name="t", scopes=list(Scope))
        self.headers = {"Authorization": f"Bearer {secret}"}

    def get(self, path: str) -> Any:
        answer = Client().get(f"/api/v1{path}", headers=self.headers)
        assert answer.status_code == 200, answer.content
        return answer.json()

    def post(self, path: str, body: Any = None, status: int = 201) -> Any:
        answer = Client().post(f"/api/v1{path}", body, content_type="application/json", headers=self.headers)
        assert answer.status_code == status, answer.content
        return answer.json()


@pytest.fixture
def program(house: Workspace, cast: Cast) -> Program:
    return Program(house, cast.alice)


def inputs(house: Workspace, voice: Upload) -> dict[str, str]:
    return {"portrait": shop.portrait_of(house).pk, "voice": voice.pk}


def test_a_program_quotes_asks_and_follows(program: Program, house: Workspace) -> None:
    made_of = inputs(house, at.lecture(house))
    quote = program.post("/quotes", made_of)
    assert (quote["voice_ms"], quote["ceiling"]["amount_micros"]) == (600_000, 6 * PART_CEILING)
    assert [(part["number"], part["from_ms"], part["to_ms"], part["kept"]) for part in quote["parts"]] == [
        (number, (number - 1) * 100_000, number * 100_000, False) for number in range(1, 7)
    ]
    assert sum(part["ceiling"]["amount_micros"] for part in quote["parts"]) == 6 * PART_CEILING
    asked = program.post("/renders", {**made_of, "quote": quote["id"], "title": "A lecture"})
    assert (asked["state"], asked["ceiling"]["amount_micros"]) == ("queued", 6 * PART_CEILING)
    assert [part["state"] for part in asked["parts"]] == ["queued"] * 6
    whole = Render.objects.get(pk=asked["id"])
    at.look(whole)
    at.make(at.part(whole, 2))
    now = program.get(f"/renders/{whole.pk}")
    assert (now["state"], now["parts"][1]["state"]) == ("rendering", "ready")
    assert now["parts"][1]["charge"]["amount_micros"] == PART_CHARGE
    assert program.get("/renders")["data"] == [now]
    assert Client().get(f"/api/v1/renders/{at.part(whole, 1).pk}", headers=program.headers).status_code == 404


def test_a_part_that_was_made_is_downloaded_also_when_the_whole_failed(
    program: Program, house: Workspace, cast: Cast
) -> None:
    whole = at.ask(house, at.lecture(house))
    at.look(whole)
    at.make(at.part(whole, 1))
    at.lose(at.part(whole, 2))
    at.look(whole)
    at.look(whole)
    parts = program.get(f"/renders/{whole.pk}")["parts"]
    assert [bool(part["url"]) for part in parts] == [True, *[False] * 5]
    path = parts[0]["url"].partition("/api/v1")[2]
    leads = Client().get(f"/api/v1{path}", headers=program.headers)
    assert (leads.status_code, f"{at.part(whole, 1).pk}/video.mp4" in leads["Location"]) == (302, True)
    assert Client().get(f"/api/v1{path[:-1]}2", headers=program.headers).status_code == 404
    page = reverse("video_file", kwargs={"workspace": house.slug, "render": whole.pk})
    browser = cast.browser(cast.alice)
    told = browser.get(reverse("video", kwargs={"workspace": house.slug, "render": whole.pk})).content.decode()
    assert f"{page}?part=1&amp;download=1" in told
    assert "A lecture, part 1.mp4" in unquote_plus(browser.get(f"{page}?part=1&download=1")["Location"])
    for missing in ("2", "7", "x", "9" * 30):
        assert browser.get(f"{page}?part={missing}").status_code == 404


def test_so_many_seconds_are_priced_in_even_parts(program: Program, house: Workspace) -> None:
    short = program.post("/quotes", {"seconds": 300})
    assert short["parts"] is None
    quote = program.post("/quotes", {"seconds": 3_600})
    assert [part["to_ms"] - part["from_ms"] for part in quote["parts"]] == [60_000] * 60
    assert quote["ceiling"]["amount_micros"] == 60 * 6_004_000


def test_a_quote_of_fewer_parts_does_not_bind_for_more(program: Program, house: Workspace) -> None:
    quote = program.post("/quotes", inputs(house, at.lecture(house)))
    longer = at.long_voice(house, [(str(number), 60_000) for number in range(10)])
    refused = program.post("/renders", {**inputs(house, longer), "quote": quote["id"]}, 409)
    assert refused["code"] == "price_changed"


def test_one_event_of_each_kind_and_one_mail(house: Workspace, cast: Cast) -> None:
    whole = at.take(at.wish(house, at.lecture(house)), user=cast.alice)[0]
    Render.objects.filter(pk=whole.pk).update(created_at=whole.created_at - 2 * WORTH_A_MAIL)
    whole.refresh_from_db()
    at.make_all(whole)
    told = list(Event.objects.order_by("pk").values_list("kind", "subject"))
    assert told == [(f"render.{state}", f"render:{whole.pk}") for state in ("queued", "rendering", "ready")]
    mail = MailMessage.objects.get()
    assert mail.subject == "Your video is ready: A lecture"
    assert "It was charged $60.00; at most $60.024 was held for it." in mail.text


def test_the_statement_has_a_line_for_each_part_and_they_add_up(house: Workspace, cast: Cast, program: Program) -> None:
    whole = at.make_all(at.ask(house, at.lecture(house)))
    page = cast.browser(cast.alice).get(reverse("statement", kwargs={"workspace": house.slug})).content.decode()
    link = reverse("video", kwargs={"workspace": house.slug, "render": whole.pk})
    for number in range(1, 7):
        assert f"A lecture (draft), part {number} of 6" in page
    assert page.count(f'href="{link}"') == 6
    assert sum(Transfer.objects.filter(kind="settle").values_list("amount_micros", flat=True)) == whole.charge_micros
    assert program.get(f"/renders/{whole.pk}")["charge"]["amount_micros"] == 6 * PART_CHARGE
    usage = program.get("/usage")
    assert (usage["renders"], usage["seconds"], usage["total"]["amount_micros"]) == (1, 600.0, 6 * PART_CHARGE)


def test_the_pages_of_one_show_no_part_as_a_video(house: Workspace, cast: Cast) -> None:
    whole = at.ask(house, at.lecture(house))
    browser, route = cast.browser(cast.alice), {"workspace": house.slug}
    at.look(whole)
    page = browser.get(reverse("video", kwargs={**route, "render": whole.pk})).content.decode()
    assert "Making the parts" in page
    part = at.part(whole, 1)
    assert browser.get(reverse("video", kwargs={**route, "render": part.pk})).status_code == 404
    for name in ("videos", "projects"):
        assert part.pk not in browser.get(reverse(name, kwargs=route)).content.decode()
    at.make(part)
    at.lose(at.part(whole, 2))
    at.look(whole)
    at.look(whole)
    page = " ".join(browser.get(reverse("video", kwargs={**route, "render": whole.pk})).content.decode().split())
    assert "Part 2 of 6 could not be made." in page
    assert 'Charged <strong class="money">$10.0000</strong> for the parts that were made' in page


def test_a_batch_counts_the_whole_once(house: Workspace, program: Program) -> None:
    short, long_one = inputs(house, shop.voice_of(house)), inputs(house, at.lecture(house))
    quote = program.post("/batches/quotes", {"items": [short, long_one]})
    assert quote["ceiling"]["amount_micros"] == shop.CEILING_MICROS + 6 * PART_CEILING
    made = program.post("/batches", {"items": [short, long_one], "quote": quote["id"]})
    assert (made["size"], made["states"]["queued"]) == (2, 2)
    whole = Render.objects.get(parts_total=6)
    at.make_all(whole)
    assert whole.group is not None
    status = status_of(whole.group)
    assert (status.states["ready"], status.charged_micros) == (1, 6 * PART_CHARGE)


def test_the_operator_finds_parts_under_their_whole(house: Workspace, cast: Cast) -> None:
    whole = at.make_all(at.ask(house, at.lecture(house)))
    desk = cast.browser(User.objects.create_superuser("root@example.org", PASSWORD))
    page = desk.get(reverse("admin:studio_render_change", args=[whole.pk])).content.decode()
    for part in whole.parts.all():
        assert reverse("admin:studio_render_change", args=[part.render_id]) in page
    inside = desk.get(reverse("admin:studio_render_change", args=[at.part(whole, 3).pk])).content.decode()
    assert reverse("admin:studio_render_change", args=[whole.pk]) in inside


def test_every_line_of_the_statement_s_file_adds_up(house: Workspace, cast: Cast) -> None:
    at.make_all(at.ask(house, at.lecture(house)))
    answer = cast.browser(cast.alice).get(reverse("statement_file", kwargs={"workspace": house.slug}))
    rows = list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))
    assert sum(round(float(row["amount_usd"]) * 1_000_000) for row in rows) == (200 - 60) * shop.DOLLAR


def test_a_quote_keeps_what_is_made_for_the_same_prompt_and_quality(program: Program, house: Workspace) -> None:
    made_of = inputs(house, at.lecture(house))
    at.make_all(Render.objects.get(pk=program.post("/renders", {**made_of, "prompt": "Smile."})["id"]))
    for more, ceiling in (({"prompt": "Smile."}, 0), ({}, 6 * PART_CEILING)):
        quote = program.post("/quotes", {**made_of, **more})
        assert quote["ceiling"]["amount_micros"] == ceiling
        again = program.post("/renders", {**made_of, **more, "quote": quote["id"]})
        assert again["ceiling"]["amount_micros"] == ceiling
    worse = program.post("/quotes", {**made_of, "prompt": "Smile.", "output_quality": 60})
    assert worse["ceiling"]["amount_micros"] == 6 * PART_CEILING


def test_the_page_prices_what_its_prompt_and_quality_have_in_common(house: Workspace, cast: Cast) -> None:
    voice = at.lecture(house)
    at.make_all(at.ask(house, voice))
    browser, quote = cast.browser(cast.alice), reverse("video_quote", kwargs={"workspace": house.slug})
    asked = {**inputs(house, voice), "model": "draft", "routing": "cheapest", "fallback": "yes", "takes": "1"}
    for more, ceiling in (({}, "$0.00"), ({"prompt": "Smile."}, "$60.024"), ({"output_quality": "60"}, "$60.024")):
        page = browser.post(quote, {**asked, **more})
        assert page.context["panel"].quote.ceiling_micros == round(float(ceiling[1:]) * shop.DOLLAR)
