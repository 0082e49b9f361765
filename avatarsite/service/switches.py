"""Switches of the whole service, turned on the desk: what is off is refused in a sentence, and nothing else."""

from __future__ import annotations

from typing import Any

from waffle import get_waffle_switch_model, switch_is_active

SIGN_UP, NEW_VIDEOS, TOP_UPS = "sign_up", "new_videos", "top_ups"
SWITCHES = {
    SIGN_UP: "New people may sign up. Off: the page says that it is closed; invitations wait.",
    NEW_VIDEOS: "New videos are taken, at every door. Off: what is under way goes on, and nothing new is held.",
    TOP_UPS: "Credit can be bought, and buys itself. Off: payments that are under way are still booked.",
}


def is_on(name: str) -> bool:
    return bool(switch_is_active(name))


def create_missing(**_: Any) -> None:
    """So that the desk shows them all before any was turned: after each migration."""
    switch = get_waffle_switch_model()
    for name, note in SWITCHES.items():
        switch.objects.get_or_create(name=name, defaults={"active": True, "note": note})
