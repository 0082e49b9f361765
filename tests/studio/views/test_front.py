"""What somebody sees who has not signed in."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.sessions.models import Session
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from billing.prices import price_book
from studio.media import judge
from studio.models import StoredFile, Upload
from studio.providers.registry import MODELS
from studio.uploads.guests import MAX_TRIES
from studio.uploads.samples import PORTRAIT, VOICE
from tests.conftest import Cast

pytestmark = pytest.mark.django_db
RUNWARE_PRO, FAL_PRO = "runware:klingai:avatar@2.0-pro", "fal:fal-ai/kling-video/ai-avatar/v2/pro"
MODELS_BY = {model.name: model for model in MODELS.values()}


class Cells(HTMLParser):
    """The words of each row of the table."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.feed(page.partition("<tbody>")[2].partition("</tbody>")[0])

    def handle_starttag(self, tag: str, _attrs: Any) -> None:
        if tag == "tr":
            self.rows.append([])

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.rows[-1].append(data.strip())


def rows() -> dict[str, list[str]]:
    page = Client().get("/")
    assert page.status_code == 200
    return {name: rest[rest.index(MODELS_BY[name].summary) + 1 :] for name, *rest in Cells(page.content.decode()).rows}


def test_the_prices_are_those_of_the_price_book() -> None:
    price_book.set_price("local:draft", cost_micros_per_second=0, price_micros_per_second=12_300, source="a test")
    assert rows()["Draft"] == ["$0.0123", "$0.37"]


def test_a_model_without_a_key_is_listed_as_not_on_sale(settings: Any) -> None:
    settings.RUNWARE_API_KEY = settings.FAL_KEY = settings.AIMLAPI_API_KEY = ""
    price_book.set_price("local:draft", cost_micros_per_second=0, price_micros_per_second=0, source="a test")
    shown = rows()
    assert list(shown) == [model.name for model in MODELS.values()]
    assert {name for name, cells in shown.items() if cells == ["Not on sale at the moment"]} == set(shown) - {"Draft"}


def test_the_next_visitor_costs_no_query(django_assert_num_queries: Any) -> None:
    Client().get("/")
    with django_assert_num_queries(0):
        Client().get("/")


def test_whoever_has_signed_in_goes_on_where_they_were(cast: Cast) -> None:
    assert cast.browser(cast.alice).get("/")["Location"] == f"/w/{cast.workspace.slug}/videos/"
    assert cast.browser(cast.alice).post("/").status_code == 405


def priced(client: Client, **asked: Any) -> dict[str, list[str]]:
    """The rows of the part that the page puts in."""
    page = client.get("/price/", asked, headers={"HX-Request": "true"})
    assert page.status_code == 200
    return {name: rest for name, *rest in Cells(page.content.decode()).rows}


def test_a_length_is_priced_with_what_each_provider_would_take(settings: Any, client: Client) -> None:
    settings.RUNWARE_API_KEY, settings.FAL_KEY = "a-key", "a:key"
    for offer, price in (
        ("runware:klingai:avatar@2.0-pro", 90_000),
        ("fal:fal-ai/kling-video/ai-avatar/v2/pro", 121_000),
    ):
        price_book.set_price(offer, cost_micros_per_second=1, price_micros_per_second=price, source="a test")
    shown = priced(client, seconds="45")["Kling Avatar 2.0 Pro"]
    summary = MODELS["kling-avatar-2-pro"].summary
    assert shown[shown.index(summary) :] == [summary, "Runware", "$4.05", "fal", "$5.45", "$0.0900", "$4.05"]


@pytest.mark.parametrize(
    ("said", "seconds"), [("", 30), ("0", 5), ("7", 5), ("299", 295), ("9999", 300), ("-3", 30), ("²", 30), ("1e9", 30)]
)
def test_a_length_that_there_is_not_is_the_nearest(client: Client, said: str, seconds: int) -> None:
    price_book.set_price("local:draft", cost_micros_per_second=0, price_micros_per_second=20_000, source="a test")
    assert priced(client, seconds=said)["Draft"][-1] == f"${seconds * 0.02:.2f}"
    assert client.get("/price/", {"seconds": said})["Location"] == f"/?seconds={seconds}#prices"
    assert f'value="{seconds}"' in client.get("/", {"seconds": said}).content.decode()


@pytest.mark.parametrize(
    ("typed", "seconds"), [("1:37", 97), (" 90 ", 90), ("0:05", 5), ("60:00", 3600), ("3600", 3600)]
)
def test_a_length_that_is_typed_is_priced_to_the_second(client: Client, typed: str, seconds: int) -> None:
    price_book.set_price("local:draft", cost_micros_per_second=0, price_micros_per_second=20_000, source="a test")
    assert priced(client, seconds="30", length=typed)["Draft"][-1] == f"${seconds * 0.02:.2f}"
    assert client.get("/price/", {"length": typed})["Location"] == f"/?{urlencode({'length': typed.strip()})}#prices"


@pytest.mark.parametrize(
    "typed", ["4", "0:04", "60:01", "3601", "1:60", "1:5", ":30", "90 s", "1.5", "-1:30", "²", "x" * 300]
)
def test_what_is_typed_and_no_length_is_told_what_is(client: Client, typed: str) -> None:
    part = client.get("/price/", {"seconds": "45", "length": typed}, headers={"HX-Request": "true"})
    assert part.status_code == 422
    told = f"“{typed[:20]}” is no length that has a price. Type it as 1:30, or in seconds as 90: from 0:05 to 60:00."
    assert told in part.content.decode()
    assert "0:45" in part.content.decode()
    assert told in client.get("/", {"length": typed}).content.decode()


def send(client: Client, content: bytes, name: str = "talk.mp3", **headers: str) -> Any:
    return client.post("/price/", {"recording": SimpleUploadedFile(name, content)}, headers=headers)


@pytest.mark.server
def test_a_recording_is_priced_to_the_millisecond_and_kept_for_nobody(client: Client, settings: Any) -> None:
    price_book.set_price("local:draft", cost_micros_per_second=0, price_micros_per_second=100_000, source="a test")
    page = send(client, VOICE.read_bytes(), **{"HX-Request": "true"})
    assert page.status_code == 200
    assert "talk.mp3" in page.content.decode()
    assert "8.417 s" in page.content.decode()
    rows = {name: rest for name, *rest in Cells(page.content.decode()).rows}
    assert [" ".join(each.split()) for each in rows["Draft"][-3:]] == ["$0.1000", "$0.84", "at most $0.85"]
    assert list(Path(settings.FILE_UPLOAD_TEMP_DIR).iterdir()) == []
    assert (Upload.objects.count(), StoredFile.objects.count(), Session.objects.count()) == (0, 0, 0)
    # Without a script it is the same page as before, with the answer on it.
    assert "8.417 s" in send(client, VOICE.read_bytes()).content.decode()


@pytest.mark.server
def test_what_is_no_recording_is_told_so(client: Client) -> None:
    for content, told in (
        (PORTRAIT.read_bytes(), "The voice is a JPEG picture, not a sound."),
        (b"", "The voice is empty"),
        (bytes(25_000_001), "The recording is 25.1 MB; here the limit is 25 MB. Save it as an MP3"),
    ):
        page = send(client, content, **{"HX-Request": "true"})
        assert page.status_code == 422
        assert told in page.content.decode()
    missing = client.post("/price/", {"seconds": "60"})
    assert missing.status_code == 422
    assert "Choose a recording, or set the length with the slider." in missing.content.decode()
    assert 'value="60"' in missing.content.decode()
    form = {"content_type": "multipart/form-data; boundary=b", "CONTENT_LENGTH": "27000000"}
    too_much = client.generic("POST", "/price/", b"", **form)
    assert too_much.status_code == 413
    assert too_much.content == b"The body is larger than this address takes: 26 MB. Send less.\n"


def test_an_address_sends_so_many_recordings_and_no_more(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[str] = []

    def listen(_path: Path, *, owner: str) -> Any:
        heard.append(owner)
        return SimpleNamespace(duration_ms=4_000)

    monkeypatch.setattr(judge, "guest_voice", listen)
    answers = [send(client, b"a sound").status_code for _ in range(MAX_TRIES + 1)]
    assert answers == [200] * MAX_TRIES + [429]
    assert len(heard) == MAX_TRIES
    elsewhere = Client(REMOTE_ADDR="192.0.2.7")
    assert send(elsewhere, b"a sound").status_code == 200
    told = send(client, b"a sound").content.decode()
    assert "Your address has sent as many recordings as are priced at a time. Try again in 10 minutes." in told
