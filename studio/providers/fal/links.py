"""Links to a job of ours at fal, and how we find our own jobs there."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl, quote, urlsplit

from studio.providers import http
from studio.providers.types import JobHandle

# Links whose every query parameter is signed: one more would break them.
SIGNED = ("x-amz-signature", "signature", "sig", "x-goog-signature")
NAMES = ("status_url", "response_url", "cancel_url")
WITH_NAMESPACE = frozenset({"workflows", "comfy"})


def app_of(model: str) -> str:
    """Jobs are submitted to the whole model id and live under its first two parts: owner and app."""
    parts = model.split("/")
    return "/".join(parts[: 3 if parts[0] in WITH_NAMESPACE else 2])


def made_links(base: str, model: str, request_id: str) -> dict[str, str]:
    request = f"{base}/{app_of(model)}/requests/{quote(request_id, safe='')}"
    return {"status_url": f"{request}/status", "response_url": request, "cancel_url": f"{request}/cancel"}


def links_of(job: JobHandle, base: str) -> dict[str, str]:
    """The links that fal gave us, each only if our key may go there; else our own. Looked at anew each time."""
    bases = http.Bases((base,))
    given = {name: job.handle.get(name) for name in NAMES}
    kept = {name: url for name, url in given.items() if isinstance(url, str) and bases.may_get_key(url)}
    return made_links(base, job.model, job.provider_job_id) | kept


def given_links(body: Mapping[str, object]) -> dict[str, object]:
    return {name: body[name] for name in NAMES if isinstance(body.get(name), str)}


def marked(url: str, reference: str) -> str:
    """``url`` with our reference in it, by which the job is found in fal's list of requests if its answer gets lost.

    A signed link carries it behind the hash, which no fetcher sends and fal's list still shows.
    """
    if reference in url:
        return url
    if any(name.lower() in SIGNED for name, _ in parse_qsl(urlsplit(url).query)):
        return f"{url}#a={reference}"
    before, hash_sign, after = url.partition("#")
    return f"{before}{'&' if '?' in before else '?'}a={reference}{hash_sign}{after}"
