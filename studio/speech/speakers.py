"""Speakers that there are to choose from: a literal table of engines, and what each of them offers here."""

from __future__ import annotations

from functools import cache
from importlib import import_module

from studio.errors import RequestRefused
from studio.providers.speech import Engine, Speaker

# key: class, imported on first use. The first that works is the usual one.
ENGINES: dict[str, str] = {
    "local": "studio.speech.engines.local.LocalSpeech",
    "fal": "studio.providers.fal.speech.FalSpeech",
}


@cache
def engine(name: str) -> Engine:
    module, class_name = ENGINES[name].rsplit(".", 1)
    found: type[Engine] = getattr(import_module(module), class_name)
    return found()


def speakers(*, test: bool = False) -> list[Speaker]:
    """Whom a script can be spoken by now; a ``test`` costs nothing, so nobody elsewhere speaks it."""
    engines = [engine(name) for name in ENGINES]
    able = [one for one in engines if (one.on_this_server or not test) and not one.why_unavailable()]
    return [speaker for one in able for speaker in one.speakers().values()]


def speaker_of(name: str, *, test: bool = False) -> Speaker:
    """The speaker of this id, or the usual one if it is empty. Raises RequestRefused with the reason and a remedy."""
    if not name:
        return _usual(test=test)
    kind, _, voice = name.partition(":")
    if kind not in ENGINES:
        raise _refused("unknown_voice", f"There is no voice {name!r}.")
    if test and not engine(kind).on_this_server:
        raise _refused("voice_costs", "A test token speaks with this server’s own voices, which cost nothing.")
    if why := engine(kind).why_unavailable():
        raise RequestRefused("voice", "voice_unavailable", why)
    found = engine(kind).speakers().get(voice)
    if found is None:
        raise _refused("unknown_voice", f"There is no voice {name!r}.")
    return found


def _usual(*, test: bool) -> Speaker:
    if found := speakers(test=test):
        return found[0]
    whys = " ".join(why for name in ENGINES if (why := engine(name).why_unavailable()))
    raise RequestRefused("voice", "voice_unavailable", whys or "There is no voice.", "Upload a voice instead.")


def _refused(code: str, found: str) -> RequestRefused:
    return RequestRefused("voice", code, found, "GET /api/v1/voices lists those that there are.")
