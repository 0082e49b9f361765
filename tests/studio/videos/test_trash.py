from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from avatarsite.audit.models import AuditEntry
from avatarsite.queue.sweeping import sweep_kind
from avatarsite.workspaces.models import Workspace
from studio.library import StillNeeded
from studio.models import FileKind, Render
from studio.projects import list_projects
from studio.storage.ledger import room_of
from studio.videos.trash import KEPT, bin_video, binned, empty_bin, restore_video
from tests.conftest import Cast
from tests.studio import shop
from tests.studio.storage.test_quota import put


@pytest.fixture
def house(cast: Cast) -> Workspace:
    return shop.open_shop(cast.workspace)


def stored(house: Workspace) -> Render:
    video = shop.ready(house)
    Render.objects.filter(pk=video.pk).update(video=put(house, "video", 70, FileKind.VIDEO), poster="")
    video.refresh_from_db()
    return video


def test_a_deleted_video_is_had_back_as_it_was(house: Workspace) -> None:
    video = stored(house)
    before = Render.objects.values().get()
    bin_video(video)
    bin_video(video)
    assert not Render.objects.for_workspace(house).exists()
    assert list(binned(house)) == [video]
    assert (list_projects(house).get().videos, room_of(house).used) == (0, 70)  # type: ignore[attr-defined]
    assert (restore_video(video), restore_video(video)) == (True, False)
    assert Render.objects.values().get() == before
    assert list(AuditEntry.objects.order_by("pk").values_list("event", flat=True))[-2:] == [
        "video.binned",
        "video.restored",
    ]


def test_the_sweep_deletes_it_for_good_when_its_time_is_over(
    house: Workspace, django_capture_on_commit_callbacks: object
) -> None:
    early, late = stored(house), shop.ready(house, "Stays")
    bin_video(early)
    bin_video(late)
    assert sweep_kind("bin") == 0
    Render.objects.filter(pk=early.pk).update(purge_at=timezone.now())
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
        assert sweep_kind("bin") == 1
    assert (list(Render.objects.all()), room_of(house).used) == ([late], 0)
    left = Render.objects.get().purge_at
    assert left is not None
    assert KEPT - timedelta(minutes=1) < left - timezone.now() <= KEPT
    assert empty_bin(house) == 1
    assert not Render.objects.exists()


def test_what_is_made_is_not_deleted(house: Workspace) -> None:
    video = shop.rendering(house)
    with pytest.raises(StillNeeded):
        bin_video(video)
    assert list(binned(house)) == []
