"""Many videos at once on the pages: tables, marks, the bin, takes side by side."""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
import zipfile
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from avatarsite.workspaces.models import Workspace
from studio.batches.columns import template
from studio.batches.make import make_table
from studio.batches.reading import read_table
from studio.models import BatchTable, Render, TableState
from studio.projects import create_project
from studio.representation import tags_of
from studio.videos.trash import bin_video
from tests.conftest import Cast
from tests.studio import shop
from tests.studio.batches import tables


@pytest.fixture
def house(cast: Cast) -> Workspace:
    tables.stock(cast.workspace)
    return shop.open_shop(cast.workspace, dollars=50)


@pytest.fixture
def owner(cast: Cast) -> Client:
    return cast.browser(cast.alice)


def at(name: str, house: Workspace, **named: str) -> str:
    return reverse(name, kwargs={"workspace": house.slug, **named})


def told(answer: Any) -> list[str]:
    return [str(message) for message in answer.context["messages"]]


def content_of(answer: Any) -> bytes:
    return b"".join(answer.streaming_content)


def with_file(render: Render, content: bytes) -> Render:
    default_storage.save(render.video.name, ContentFile(content))
    return render


def bring(owner: Client, house: Workspace, content: bytes, name: str = "summer.csv") -> Any:
    return owner.post(at("batches", house), {"file": SimpleUploadedFile(name, content)}, follow=True)


def test_a_table_is_brought_looked_at_made_and_taken_home(owner: Client, house: Workspace) -> None:
    lines = [{**tables.GOOD, "title": "=1+1"}, dict(tables.GOOD), {**tables.GOOD, "portrait": "nobody.jpg"}]
    page = bring(owner, house, tables.as_csv(lines).read()).content.decode()
    table = BatchTable.objects.get()
    assert "2 videos can be made" in page
    assert "There is no portrait “nobody.jpg” in Uploads." in page
    assert "Nothing is held for the 1 row that can't" in " ".join(page.split())
    ceiling = 2 * shop.CEILING_MICROS
    assert f'name="ceiling_micros" value="{ceiling}"' in page

    answer = owner.post(at("batch_make", house, table=table.pk), {"ceiling_micros": str(ceiling)}, follow=True)
    assert "0 of 2 ready" in " ".join(answer.content.decode().split())
    make_table(table.pk)
    for render in Render.objects.order_by("pk"):
        with_file(shop.made_ready(shop.accepted(render)), render.pk.encode())
    page = " ".join(owner.get(at("batch_status", house, table=table.pk)).content.decode().split())
    assert "2 of 2 ready." in page
    assert "hx-get" not in page, "and asks no more"

    archive = zipfile.ZipFile(io.BytesIO(content_of(owner.get(at("batch_videos", house, table=table.pk)))))
    assert archive.testzip() is None
    first, second = Render.objects.order_by("pk")
    assert archive.namelist() == ["manifest.csv", "manifest.json", "0002 =1+1.mp4", "0003 For Anna.mp4"]
    assert [archive.read(name).decode() for name in archive.namelist()[2:]] == [first.pk, second.pk]
    rows = list(csv.DictReader(io.StringIO(archive.read("manifest.csv").decode("utf-8-sig"))))
    assert [(row["row"], row["state"], row["title"]) for row in rows] == [
        ("2", "ready", "'=1+1"),
        ("3", "ready", "For Anna"),
        ("4", "bad", "For Anna"),
    ]
    assert rows[2]["error"].startswith("portrait: There is no portrait “nobody.jpg”")
    found = json.loads(content_of(owner.get(at("batch_manifest", house, table=table.pk, kind="json"))))
    assert [row["video"] for row in found["rows"]] == [first.pk, second.pk, ""]
    assert "summer.csv" in owner.get(at("batches", house)).content.decode()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"a,b\n1,2\n", "The first row names none of the columns that are known here. Start from the template"),
        (b"PK\x03\x04no", "The workbook can’t be read."),
    ],
)
def test_what_is_no_table_is_refused_on_the_page(
    owner: Client, house: Workspace, content: bytes, sentence: str
) -> None:
    answer = bring(owner, house, content)
    assert (answer.status_code, sentence in answer.content.decode()) == (422, True)
    assert not BatchTable.objects.exists()


def test_the_templates_are_tables(owner: Client, house: Workspace) -> None:
    for kind in ("csv", "xlsx"):
        answer = owner.get(at(f"batch_template_{kind}", house))
        assert answer.headers["Content-Disposition"] == f'attachment; filename="videos.{kind}"'
        assert answer.content.startswith({"csv": codecs.BOM_UTF8, "xlsx": b"PK"}[kind])
        assert read_table(io.BytesIO(answer.content)) == read_table(io.BytesIO(template(kind)))


def test_a_yes_to_another_price_makes_nothing(owner: Client, house: Workspace) -> None:
    bring(owner, house, tables.as_csv([dict(tables.GOOD)]).read())
    table = BatchTable.objects.get()
    for shown in ("", "1", "x", "²"):
        answer = owner.post(at("batch_make", house, table=table.pk), {"ceiling_micros": shown}, follow=True)
        assert "more than you saw" in told(answer)[0]
    table.refresh_from_db()
    assert (table.state, table.group) == (TableState.CHECKED, None)
    assert f"Discard {table}?" in owner.get(at("batch_discard", house, table=table.pk)).content.decode()
    assert BatchTable.objects.exists()
    answer = owner.post(at("batch_discard", house, table=table.pk), follow=True)
    assert (told(answer), BatchTable.objects.exists()) == (["The table is forgotten."], False)


def test_marked_videos_are_tagged_moved_deleted_and_had_back(owner: Client, house: Workspace) -> None:
    one, other, running = shop.ready(house, "One"), shop.ready(house, "Other"), shop.rendering(house, "Running")
    shelf = create_project(house, "Shelf")
    ids = [one.pk, other.pk, running.pk]

    def bulk(act: str, **also: Any) -> list[str]:
        return told(owner.post(at("videos_bulk", house), {"id": ids, "act": act, **also}, follow=True))

    assert bulk("tag", tags="Spring, b") == ["3 videos are tagged Spring, b."]
    assert [tags_of(render) for render in (one, running)] == [["b", "spring"]] * 2
    assert bulk("untag", tags="b") == ["3 videos are without b."]
    assert bulk("tag", tags=" , ") == ["No tag is written. Write one beside the button."]
    page = owner.get(at("videos", house), {"tag": "spring"}).content.decode()
    assert ("One" in page, "spring" in page) == (True, True)
    assert bulk("move", project=shelf.pk) == ["2 videos are in Shelf now. 1 video is still being made and stayed."]
    assert sorted(Render.objects.filter(project=shelf).values_list("title", flat=True)) == ["One", "Other"]
    assert bulk("delete") == ["2 videos are in the bin, for 30 days. 1 video is still being made and stayed."]
    assert bulk("delete", id=["rnd_nobody"]) == ["No video is chosen. Mark some first."]
    page = owner.get(at("videos_bin", house)).content.decode()
    assert ("One" in page, "Other" in page, "Running" in page) == (True, True, False)
    assert told(owner.post(at("videos_bin", house), {"id": one.pk}, follow=True)) == ["“One” is back."]
    assert told(owner.post(at("videos_bin", house), {"act": "empty"}, follow=True)) == ["1 video is deleted for good."]
    assert sorted(Render.objects.values_list("title", flat=True)) == ["One", "Running"]


def test_a_deletion_is_undone_where_it_is_told(owner: Client, house: Workspace, cast: Cast) -> None:
    one, other, running = shop.ready(house, "One"), shop.ready(house, "Other"), shop.rendering(house, "Running")

    def undo(answer: Any) -> Any:
        page = answer.content.decode()
        assert 'name="act" value="undo">Undo</button>' in page
        ids = re.findall(r'<input type="hidden" name="id" value="(\w+)">', page)
        return owner.post(at("videos_bin", house), {"id": ids, "act": "undo"}, follow=True)

    marked = {"id": [one.pk, other.pk, running.pk], "act": "delete"}
    back = undo(owner.post(at("videos_bulk", house), marked, follow=True))
    assert (told(back), back.redirect_chain) == (["2 videos are back."], [(at("videos", house), 302)])
    back = undo(owner.post(at("video_delete", house, render=one.pk), follow=True))
    assert (told(back), back.redirect_chain) == (["“One” is back."], [(at("videos", house), 302)])
    assert "Undo" not in back.content.decode()
    assert Render.objects.for_workspace(house).count() == 3
    owner.post(at("video_delete", house, render=one.pk))
    again = {"id": [one.pk, "no\0such"], "act": "undo"}
    assert cast.browser(cast.bob).post(at("videos_bin", house), again).status_code == 403
    assert told(owner.post(at("videos_bin", house), again, follow=True))[-1] == "“One” is back."
    assert told(owner.post(at("videos_bin", house), again, follow=True)) == []


def test_marked_videos_come_as_one_zip(owner: Client, house: Workspace) -> None:
    videos = [with_file(shop.ready(house, title), title.encode() * 300_000) for title in ("Same", "same", "A/B")]
    failed = shop.failed(house, "Failed")
    ids = [render.pk for render in (*videos, failed)]
    archive = zipfile.ZipFile(
        io.BytesIO(content_of(owner.post(at("videos_bulk", house), {"id": ids, "act": "download"})))
    )
    assert archive.testzip() is None
    assert archive.namelist() == ["A-B.mp4", "same.mp4", "Same (2).mp4"]
    assert archive.read("A-B.mp4") == b"A/B" * 300_000


def test_a_stranger_s_videos_are_not_marked(owner: Client, house: Workspace, cast: Cast) -> None:
    video = shop.ready(house)
    charlie = cast.browser(cast.charlie)
    his = cast.charlie.workspaces.get()
    answer = charlie.post(at("videos_bulk", his), {"id": [video.pk], "act": "delete"}, follow=True)
    assert told(answer) == ["No video is chosen. Mark some first."]
    video.refresh_from_db()
    assert video.purge_at is None


def test_takes_stand_side_by_side_and_one_is_kept(owner: Client, house: Workspace) -> None:
    first = shop.asked(house, "Three", options={"takes": 3})
    assert first.group is not None
    for render in first.group.renders.all():
        shop.made_ready(shop.accepted(render))
    page = owner.get(at("video_takes", house, render=first.pk)).content.decode()
    assert page.count("data-take>") == 3
    second = first.group.renders.order_by("pk")[1]
    answer = owner.post(at("video_takes", house, render=second.pk), follow=True)
    assert told(answer) == ["Take 2 is kept; 2 went into the bin, for 30 days."]
    assert list(Render.objects.for_workspace(house)) == [second]
    assert owner.get(at("video_takes", house, render=shop.ready(house).pk)).status_code == 404


def test_a_video_s_tags_are_written_with_its_title(owner: Client, house: Workspace) -> None:
    video = shop.ready(house, "Old")
    owner.post(at("video_rename", house, render=video.pk), {"title": "New", "tags": "b, A"})
    page = owner.get(at("video", house, render=video.pk)).content.decode()
    assert (page.count('class="tag"'), tags_of(video)) == (2, ["a", "b"])
    answer = owner.post(at("video_rename", house, render=video.pk), {"title": "New", "tags": "x" * 41})
    assert (answer.status_code, "Shorten it." in answer.content.decode()) == (422, True)


def test_what_is_in_the_bin_is_at_no_door(owner: Client, house: Workspace) -> None:
    video = shop.ready(house, "Gone")
    bin_video(video)
    for name in ("video", "video_file", "video_rename", "video_delete"):
        assert owner.get(at(name, house, render=video.pk)).status_code == 404
    assert "Gone" not in owner.get(at("videos", house)).content.decode()
