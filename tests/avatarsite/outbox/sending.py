"""A process that sends on a real database, alone, deadly or among others.

``python -m tests.avatarsite.outbox.sending MODE``:

``prepare URL`` makes two endpoints at a receiver with eight events each; ``die URL POINT`` does so, sends and dies by
SIGKILL there; ``restart`` is the same machine a while later; ``rush`` sends without asking whose turn it is.
"""

from __future__ import annotations

import json
import sys
from datetime import timedelta

import django

django.setup()

from asgiref.sync import async_to_sync  # noqa: E402
from django.utils import timezone  # noqa: E402

from avatarsite.models import Lease  # noqa: E402
from avatarsite.outbox.deliveries import LEASE  # noqa: E402
from avatarsite.outbox.endpoints import secret_of  # noqa: E402
from avatarsite.outbox.events import fan_out  # noqa: E402
from avatarsite.outbox.models import Delivery, Endpoint  # noqa: E402
from avatarsite.outbox.sender import _Round  # noqa: E402
from tests.avatarsite.outbox.cast import Clock, happen, listen, make_house, send  # noqa: E402
from tests.flows.crash import die_at  # noqa: E402


def prepare(url: str) -> None:
    house = make_house()
    for name in ("one", "two"):
        listen(house, f"{url}/{name}")
    happen(house, 8)
    fan_out(house.pk)


def restart() -> None:
    """The round of the dead process has run out, and its claims have."""
    Lease.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    clock = Clock()
    clock.now += LEASE
    send(clock)
    left = Delivery.objects.exclude(state="delivered").count()
    secrets = {f"/{row.url.rsplit('/', 1)[1]}": secret_of(row) for row in Endpoint.objects.all()}
    print(json.dumps({"left": left, "secrets": secrets}))


def rush() -> None:
    async_to_sync(_Round("nobody", 300.0, 0.0, lambda: False, Clock()).run)()


def main(mode: str, *rest: str) -> None:
    if mode == "die":
        prepare(rest[0])
        die_at(rest[1])
        send()
    elif mode == "prepare":
        prepare(rest[0])
    else:
        {"restart": restart, "rush": rush}[mode]()


if __name__ == "__main__":
    main(*sys.argv[1:])
