"""``python -m tests.flows.crash_long POINT…``: as ``tests.flows.crash``, with a video of two parts."""

from __future__ import annotations

import json
import sys
from typing import Any

from tests.flows.crash import BALANCE, die_at, in_a_fork  # first: it sets Django up

from django.utils import timezone  # isort: skip

from avatarsite.queue.sweeping import sweep
from billing.ledger import posting
from billing.models import Usage
from billing.verify import verification
from studio.models import Part, Render, Whole
from studio.models.renders import ALIVE
from studio.pipeline.drive import drive
from studio.pipeline.long import sound
from studio.storage_audit import verify_storage
from studio.uploads import listening
from tests.flows.cast import Studio, ask, make_studio
from tests.flows.crash import slug_of

listening.MAX_AT_ONCE_MS, sound.MIN_PART_MS, sound.MAX_PART_MS = 4_000, 2_000, 4_000


def studio_of(point: str) -> Studio:
    return make_studio(balance_micros=BALANCE, price_micros=10_000, voice_seconds=5.0, slug=slug_of(point))


def crash(point: str) -> None:
    studio = studio_of(point)
    if not point.startswith(("studio.pipeline.request", "studio.pipeline.long.write")):
        whole = ask(studio, key=point)
        die_at(point)
        drive(whole.pk)
        return
    die_at(point)
    ask(studio, key=point)


def restart(point: str) -> dict[str, Any]:
    studio, now = studio_of(point), timezone.now()
    whole = Render.objects.for_workspace(studio.workspace).first() or ask(studio, key=point)
    Render.objects.filter(state__in=ALIVE, next_try_at__isnull=False).update(next_try_at=now)
    Whole.objects.filter(next_try_at__isnull=False).update(next_try_at=now)
    sweep()
    whole = drive(whole.pk)
    sweep()
    balance = posting.balance(studio.workspace)
    return {
        "state": whole.state,
        "seen": Render.objects.for_workspace(studio.workspace).count(),
        "renders": Render.objects.with_parts(studio.workspace).count(),
        "parts": Part.objects.filter(whole=whole).count(),
        "usages": Usage.objects.filter(workspace=studio.workspace).count(),
        "charge": whole.charge_micros,
        "spent": BALANCE - balance.posted_micros,
        "held": balance.held_micros,
        "findings": [str(one) for one in [*verification.verify(), *verify_storage()]],
    }


def main(points: list[str]) -> dict[str, Any]:
    ends = {}
    for point in points:
        died, _ = in_a_fork(crash, point)
        code, told = in_a_fork(restart, point)
        ends[point] = {"died": died, "end": json.loads(told) if code == 0 else None}
    return ends


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1:])))
