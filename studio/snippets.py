"""A request as code that makes it: what stands on the form, to be pasted and run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from avatarsite.api.serializers import site_link
from studio.captions.wish import BESIDE, has_words
from studio.media.captions.painter import LOOKS
from studio.models import CaptionSource, Project, Upload
from studio.pipeline.request.options import DEFAULTS
from studio.pipeline.request.quote import CHEAPEST

TOKEN = "AVATAR_STUDIO_TOKEN"  # noqa: S105 -- the name of the variable that holds one
CURL = """\
curl -sS {api}/renders \\
  -H "Authorization: Bearer ${token}" \\
  -H "Content-Type: application/json" \\
  -H "Idempotency-Key: $(date +%s)-$$" \\
  --data-binary @- <<'JSON'
{json}
JSON"""
PYTHON = """\
import os
import uuid

import httpx

wish = {python}

headers = {{"Authorization": f"Bearer {{os.environ['{token}']}}"}}
with httpx.Client(base_url="{api}", headers=headers, timeout=90) as studio:
    # The key makes a repeat safe: send it again with the same key if the answer is lost.
    key = str(uuid.uuid4())
    asked = studio.post("/renders", json=wish, headers={{"Idempotency-Key": key}})
    if asked.is_error:
        raise SystemExit(asked.json()["detail"])
    render = asked.json()
    while render["finished_at"] is None:
        render = studio.get(f"/renders/{{render['id']}}", params={{"wait": {wait}}}).raise_for_status().json()
    if render["state"] != "ready":
        raise SystemExit(render["failure"]["message"] if render["failure"] else render["state"])
    outputs = studio.get(f"/renders/{{render['id']}}/outputs").raise_for_status().json()["data"]

print(render["charge"]["display"], next(output["download_url"] for output in outputs if output["kind"] == "video"))"""
JAVASCRIPT = """\
// Node 18 or newer, as a module: node video.mjs
const api = "{api}";
const headers = {{ Authorization: `Bearer ${{process.env.{token}}}` }};
const wish = {json};

async function ask(path, options = {{}}) {{
  const answer = await fetch(api + path, {{ ...options, headers: {{ ...headers, ...options.headers }} }});
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.detail);
  return body;
}}

// The key makes a repeat safe: send it again with the same key if the answer is lost.
const key = crypto.randomUUID();
let render = await ask("/renders", {{
  method: "POST",
  headers: {{ "Content-Type": "application/json", "Idempotency-Key": key }},
  body: JSON.stringify(wish),
}});
while (render.finished_at === null) render = await ask(`/renders/${{render.id}}?wait={wait}`);
if (render.state !== "ready") throw new Error(render.failure?.message ?? render.state);
const {{ data }} = await ask(`/renders/${{render.id}}/outputs`);
console.log(render.charge.display, data.find((output) => output.kind === "video").download_url);"""


@dataclass(frozen=True, slots=True)
class Snippet:
    id: str
    label: str
    code: str


@dataclass(frozen=True, slots=True)
class Draft:
    """What the form says so far; an upload that is not chosen yet is left for the reader to fill in.

    ``script`` is what is typed for the voice, with whom and how fast it is spoken; it counts while there is no voice.
    ``captions`` are as in ``usual_wish``.
    """

    portrait: Upload | None
    voice: Upload | None
    project: Project | None
    model: str
    routing: str
    fallback: bool
    prompt: str
    title: str
    options: Mapping[str, Any]
    captions: str = ""
    script: Mapping[str, Any] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        """Of ``POST renders``, without what is usual anyway."""
        options = {name: value for name, value in self.options.items() if value not in (DEFAULTS[name], None, "")}
        takes = options.pop("takes", None)
        said: dict[str, Any] = {
            "portrait": self.portrait.pk if self.portrait else "upl_PORTRAIT",
            "voice": self.voice.pk if self.voice else dict(self.script) or "upl_VOICE",
            "model": self.model,
        }
        said |= {"routing": self.routing} if self.routing != CHEAPEST else {}
        said |= {} if self.fallback else {"fallback": False}
        more = {"prompt": self.prompt, "title": self.title, "options": options, "takes": takes}
        more["captions"] = self._captions()
        more["project"] = self.project.pk if self.project else None
        return said | {name: value for name, value in more.items() if value}

    def _captions(self) -> dict[str, str] | None:
        """None where the form would make none."""
        known = bool(self.script) if self.voice is None else has_words(self.voice)
        if self.captions in LOOKS:
            return {"from": CaptionSource.SCRIPT, "burn": self.captions}
        return {"from": CaptionSource.SCRIPT} if self.captions == BESIDE and known else None


def snippets(draft: Draft, *, wait: int) -> list[Snippet]:
    """The draft as curl, Python and JavaScript; ``wait`` is how many seconds a request may wait for the end."""
    body = draft.body()
    parts = {
        "api": site_link("/api/v1"),
        "token": TOKEN,
        "wait": wait,
        "json": json.dumps(body, indent=2, ensure_ascii=False),
        "python": _python(body),
    }
    return [
        Snippet("code-curl", "curl", CURL.format(**parts)),
        Snippet("code-python", "Python", PYTHON.format(**parts)),
        Snippet("code-javascript", "JavaScript", JAVASCRIPT.format(**parts)),
    ]


def _python(body: Mapping[str, Any]) -> str:
    """But for its one truth value, the body as JSON is a literal of Python's too."""
    literal = json.dumps(body, indent=4, ensure_ascii=False)
    return literal.replace('\n    "fallback": false', '\n    "fallback": False')
