"""Tables for tests: as many rows as are wanted, of which some are bad in each way that there is."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from itertools import cycle, islice

from avatarsite.workspaces.models import Workspace
from studio.models import Upload, UploadKind
from tests.studio import shop

COLUMNS = ("portrait", "voice", "script", "speaker", "captions", "model", "title", "reference", "prompt", "name")
GOOD = {"portrait": "face.jpg", "voice": "hello there.mp3", "title": "For {{name}}", "name": "Anna"}
# What is wrong with a row, by the column that is told, and a part of the sentence that says what to do.
BAD: tuple[tuple[dict[str, str], str, str], ...] = (
    ({"portrait": ""}, "portrait", "Name an upload or an address."),
    ({"portrait": "nobody.jpg"}, "portrait", "Upload it first, or correct the name."),
    ({"portrait": "hello there.mp3"}, "portrait", "is a voice. Name a portrait."),
    ({"portrait": "twins.jpg"}, "portrait", "2 portraits are called “twins.jpg”. Write the id of one, such as upl_"),
    ({"portrait": "http://127.0.0.1:9/face.jpg"}, "portrait", "Put it where it can be fetched from by anybody"),
    ({"voice": ""}, "voice", "There is neither a voice nor a script. Write one of them."),
    ({"voice": "upl_gone"}, "voice", "Upload it first, or correct the name."),
    ({"script": "Hello."}, "script", "Leave one of them out."),
    ({"captions": "yes"}, "captions", "Write its words into this cell, or leave it empty."),
    ({"model": "sora"}, "model", "There is no model 'sora'. Choose one of "),
    (
        {"title": "{{nickname}}"},
        "title",
        "Add one, or take {{nickname}} out of the text.",
    ),
    ({"name": ""}, "title", "The column “name” is empty here, and the text needs it. Fill it in."),
    ({"reference": "r" * 201}, "reference", "The reference has 201 characters; the limit is 200. Shorten it."),
    ({"prompt": "p" * 2_501}, "prompt", "The prompt has 2,501 characters; the limit is 2,500. Shorten it."),
)


def stock(workspace: Workspace) -> None:
    """The uploads that the rows name."""
    shop.portrait_of(workspace, "face.jpg")
    shop.voice_of(workspace, "hello there.mp3")
    for number in range(2):
        twin = Upload(workspace=workspace, kind=UploadKind.PORTRAIT, name="twins.jpg", bytes=1, width=600, height=900)
        twin.sha256 = f"{number}" * 64
        twin.save()


def rows(count: int, bad: int) -> Iterator[tuple[dict[str, str], tuple[str, str] | None]]:
    """``count`` rows, of which ``bad`` are bad, spread evenly; with what is to be told of each."""
    wrong = islice(cycle(BAD), bad)
    told = 0
    for number in range(count):
        if told < bad and (number + 1) * bad // count > told:
            change, column, sentence = next(wrong)
            told += 1
            yield {**GOOD, "reference": f"r{number}", **change}, (column, sentence)
        else:
            yield {**GOOD, "reference": f"r{number}"}, None


def as_csv(lines: list[dict[str, str]], *, delimiter: str = ",") -> io.BytesIO:
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, COLUMNS, restval="", delimiter=delimiter)
    writer.writeheader()
    writer.writerows(lines)
    return io.BytesIO(out.getvalue().encode())
