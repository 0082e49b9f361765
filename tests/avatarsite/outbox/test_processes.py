"""Workers die at any point, and two of them may send at once: nothing is lost, and nothing is sent by both."""

from __future__ import annotations

import json
import signal
from collections import Counter
from pathlib import Path

import pytest

from tests.avatarsite.outbox.receiver import Receiver, Says
from tests.support.sites import fresh_site

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("outbox")]

ALL = {(path, sequence): 1 for path in ("/one", "/two") for sequence in range(1, 9)}


def counted(there: Receiver) -> Counter[tuple[str, int]]:
    return Counter((got.path, got.sequence) for got in there.got)


@pytest.mark.parametrize(
    ("point", "twice"),
    [
        ("avatarsite.outbox.deliveries.claim:after", 0),
        ("avatarsite.outbox.deliveries.record:before", 1),  # it was taken, and that is not written
    ],
)
def test_what_a_killed_sender_had_is_taken_over(tmp_path: Path, there: Receiver, point: str, twice: int) -> None:
    with fresh_site(tmp_path, TRUSTED_WEBHOOK_ENDPOINTS="127.0.0.1") as site:
        died = site.python("-m", "tests.avatarsite.outbox.sending", "die", there.url, point, check=False)
        assert died.returncode == -signal.SIGKILL, died.stderr[-3000:]
        end = json.loads(
            site.python("-m", "tests.avatarsite.outbox.sending", "restart").stdout.strip().splitlines()[-1]
        )
    assert end["left"] == 0
    for got in there.got:
        got.verified(end["secrets"][got.path])
    times = counted(there)
    assert times.keys() == ALL.keys()
    # Two endpoints are served side by side, so each may have had a delivery on its way.
    assert twice <= times.total() - len(ALL) <= 1 + twice
    assert len({(got.path, got.id) for got in there.got}) == len(ALL)


def test_two_that_send_at_once_share_the_work_and_repeat_nothing(tmp_path: Path, there: Receiver) -> None:
    there.answer = lambda _path, _said: Says(after=0.02)
    with fresh_site(tmp_path, TRUSTED_WEBHOOK_ENDPOINTS="127.0.0.1") as site:
        site.python("-m", "tests.avatarsite.outbox.sending", "prepare", there.url)
        both = [site.start("-m", "tests.avatarsite.outbox.sending", "rush", log=f"{n}.log") for n in range(2)]
        assert [process.wait(60) for process in both] == [0, 0]
    assert counted(there) == ALL
