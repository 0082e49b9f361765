"""The drill: a house with a paid video is backed up and restored into an empty one, where all of it plays."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pyrage
import pytest

from tests.support.servers import postgres_server, s3_server
from tests.support.sites import Site, fresh_site

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("backup")]
PLAYED = """
import av, hashlib
from billing.models import Transfer
from studio.models import Render, StoredFile, Upload
from avatarsite.workspaces.models import User
films = []
for render in Render.objects.filter(state="ready").order_by("pk"):
    with render.video.open() as stored:
        same = hashlib.sha256(stored.read()).hexdigest() == render.video_sha256
        stored.seek(0)
        with av.open(stored.file) as film:
            films.append([render.pk, same, sum(1 for _ in film.decode(video=0))])
print(json.dumps([films, User.objects.count(), Upload.objects.count(), StoredFile.objects.count(),
    list(Transfer.objects.order_by("pk").values_list("pk", "amount_micros"))]))
"""
ADDED = """
from avatarsite.workspaces.models import User
print(json.dumps(User.objects.create_user("new@example.org", "correct horse battery").pk))
"""


class Houses:
    """Sites on one column, each with nothing in it."""

    def __init__(self, stack: ExitStack, folder: Path, column: str) -> None:
        self.stack, self.folder, self.real = stack, folder, column == "real"
        self.given = {"S3_BUCKET": "", "REDIS_URL": "", "SECRET_KEY": "one for all", "DRAFT_PRICE_PER_SECOND": "0.01"}
        self.server = stack.enter_context(postgres_server()) if self.real else None
        if self.real:
            self.given |= stack.enter_context(s3_server()).environment

    def build(self, name: str, **variables: str) -> Site:
        (self.folder / name).mkdir()
        given = self.given | variables | ({"S3_PREFIX": name} if self.real else {})
        return self.stack.enter_context(fresh_site(self.folder / name, server=self.server, **given))


@pytest.fixture(params=["embedded", "real"])
def houses(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Houses]:
    monkeypatch.setattr("django.conf.settings.DATABASE_URL", "")  # its own, whatever the tests run on
    with ExitStack() as stack:
        yield Houses(stack, tmp_path, request.param)


def test_what_is_restored_into_an_empty_house_adds_up_and_plays(houses: Houses, tmp_path: Path) -> None:
    key = pyrage.x25519.Identity.generate()
    old = houses.build("old", BACKUP_RECIPIENT=str(key.to_public()))
    old.manage("demo", "--no-serve")
    was = old.ask(PLAYED)
    assert [film[1:] for film in was[0]] == [[True, 210]]
    path, identity = tmp_path / "backup.tar.age", tmp_path / "key"
    old.manage("backup", str(path))
    identity.write_text(f"# of a drill\n{key}\n")
    content = path.read_bytes()
    assert (content.startswith(b"age-encryption.org/v1"), b"example" in content, b"manifest" in content) == (
        True,
        False,
        False,
    )

    new = houses.build("new")
    wrong = tmp_path / "wrong"
    wrong.write_text(str(pyrage.x25519.Identity.generate()))
    for given, said in (([], "sealed"), (["--identity", str(wrong)], "not sealed for this key")):
        refused = new.manage("restore", str(path), *given, check=False)
        assert (refused.returncode, said in refused.stderr) == (1, True), refused.stderr
    new.manage("restore", str(path), "--identity", str(identity))
    assert new.ask(PLAYED) == was
    new.manage("verify_ledger")
    new.manage("verify_storage")
    assert isinstance(new.ask(ADDED), (int, str))  # the next number is free
    again = new.manage("restore", str(path), "--identity", str(identity), check=False)
    assert (again.returncode, "This house has" in again.stderr) == (1, True)
