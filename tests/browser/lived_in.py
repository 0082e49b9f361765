"""A workspace with everything in it, for whoever looks at pages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.browser.live_site import LiveSite
from tests.browser.pages import THINGS

LONG_TITLE = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft, the second take"
LONG_ADDRESS = "somebody.with-a-very-long-name.indeed@a-department-of-a-large-organisation.example.org"


@dataclass(frozen=True)
class LivedIn:
    """``videos`` has one of each state, ``things`` what addresses name."""

    slug: str
    videos: dict[str, str]
    things: dict[str, list[str]]

    def at(self, place: str) -> str:
        return f"/w/{self.slug}/{place}"

    def video(self, state: str) -> str:
        return self.at(f"videos/{self.videos[state]}/")

    @property
    def project(self) -> str:
        return self.things["project"][0]


@contextmanager
def lived_in_by(live_site: LiveSite, name: str, viewer: str) -> Iterator[LivedIn]:
    """Theirs; while it is looked at, one of its videos is being made."""
    slug = live_site.slugs[name]
    things = live_site.ask("furnish", slug, viewer, LONG_ADDRESS)
    (ready,) = live_site.ask("ask_for", slug, LONG_TITLE, until="ready")
    with live_site.engine_taken():
        failed, cancelled, running = live_site.ask(
            "ask_for", slug, "Failed", "Cancelled", LONG_TITLE, until="rendering"
        )
        died = {"word": "failed", "code": "engine_died", "message": "The draft engine died."}
        live_site.engine_says(failed["reference"], "end", died)
        live_site.engine_says(running["reference"], "progress", {"percent": 40})
        live_site.ask("once", failed["id"], "failed")
        live_site.ask("cancel", cancelled["id"])
        videos = {"ready": ready["id"], "running": running["id"], "failed": failed["id"], "cancelled": cancelled["id"]}
        things["project"].append(ready["project"])
        things["render"] = list(videos.values())
        assert things.keys() == THINGS
        yield LivedIn(slug, videos, things)
        live_site.ask("cancel", running["id"])
