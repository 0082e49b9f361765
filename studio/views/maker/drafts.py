"""A draft of a video as its address: what is chosen and typed survives a reload, another tab, and a visit to pay.

The script keeps the address up to date (``static/js/draft.js``). What an address must not hold, or has no room for, the
script keeps in the browser: where the file is sent may have a key in it.
"""

from __future__ import annotations

from urllib.parse import urlencode

from django.urls import reverse

from avatarsite.workspaces.models import Workspace
from studio.captions.wish import BESIDE
from studio.forms import PACES, USUAL_PACE, VideoForm
from studio.models import Upload
from studio.pipeline.request.options import DEFAULTS
from studio.pipeline.request.usual import usual_of
from studio.pipeline.request.usual_checks import checks_of
from studio.providers.registry import MODELS
from studio.speech.speakers import speakers

# Says that the address names all that differs from an empty form, so that no project's defaults are mixed in.
MARK = "draft"
TYPED = (
    "title",
    "prompt",
    "model",
    "routing",
    "fallback",
    "takes",
    "content_check",
    "if_flagged",
    "visible_label",
    "output_format",
    "output_quality",
    "ttl_seconds",
    "captions",
    "script",
    "speaker",
    "pace",
)
LONG = ("script", "prompt")
# Request lines of 4,000 bytes pass everywhere, and this one is wrapped into another's.
MAX_QUERY = 1500


def starting_with(workspace: Workspace, portrait: Upload, voice: Upload) -> str:
    """The address of a form whose slots are filled and that is otherwise empty."""
    page = reverse("video_new", kwargs={"workspace": workspace.slug})
    return f"{page}?{urlencode({'portrait': portrait.pk, 'voice': voice.pk})}"


def defaults(workspace: Workspace) -> dict[str, str]:
    """What an address leaves out, by name."""
    usually = usual_of(workspace)
    usual = {name: str(DEFAULTS.get(name) or "") for name in ("portrait", "voice", "project", *TYPED)}
    return usual | {
        **checks_of(workspace),
        "model": next(iter(MODELS)),
        "captions": BESIDE,
        "routing": usually.routing,
        "fallback": "yes" if usually.fallback else "no",
        "speaker": next((speaker.id for speaker in speakers()), ""),
        "pace": str(PACES[USUAL_PACE][0]),
    }


def query(form: VideoForm, *, portrait: Upload | None, voice: Upload | None) -> str:
    """The address's query for a form as it stands; without its script and prompt where they are too long."""
    usual = defaults(form.workspace)
    chosen = {"portrait": portrait, "voice": voice}
    said = {name: str(upload.pk) for name, upload in chosen.items() if upload}
    for name in ("project", *TYPED):
        value = form[name].value()
        said[name] = str(getattr(value, "pk", value) or "")
    told = {name: value for name, value in said.items() if value != usual[name]}
    for name in LONG:
        if len(urlencode({MARK: "1", **told})) <= MAX_QUERY:
            break
        told.pop(name, None)
    return urlencode({MARK: "1", **told})
