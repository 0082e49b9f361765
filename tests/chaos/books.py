"""The books after a run: our rows, the stand-ins' jobs and the bucket's bytes, held against each other."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import boto3

from tests.chaos.house import House
from tests.chaos.load import Load
from tests.support.boxes import digest_of_film

ROWS = """
from billing.ledger import accounts
from billing.models import Usage
from billing.verify import verification
from django.db.models import Count
from avatarsite.mail.models import MailMessage
from avatarsite.models import Alert
from avatarsite.workspaces.models import Workspace
from studio.models import ProviderJob, Render
from studio.storage_audit import verify_storage
renders = Render.objects.order_by("pk")
house = Workspace.objects.get(pk=%r)
balance = accounts.balance(house)
columns = ("pk", "state", "failure_code", "charge_micros", "ceiling_micros", "video", "video_sha256", "hold__state")
print(json.dumps(default=str, obj={
    "renders": {row["pk"]: row for row in renders.values(*columns)},
    "events": dict(renders.filter(events__to_state="ready").values_list("pk").annotate(Count("events"))),
    "usages": Usage.objects.count(),
    "held": balance.held_micros,
    "spent": %d - balance.available_micros,
    "jobs": list(ProviderJob.objects.exclude(offer__startswith="local:")
        .values("render_id", "reference", "outcome", "status", "sent_at")),
    "findings": [finding.sentence for finding in verification.verify()],
    "files": [finding.sentence for finding in verify_storage()],
    "mails": dict(MailMessage.objects.values_list("state").annotate(Count("pk"))),
    "alerts": dict(Alert.objects.values_list("kind").annotate(Count("pk"))),
}))
"""


@dataclass
class Books:
    rows: dict[str, Any]
    upstream: list[dict[str, Any]]
    films: dict[str, str]  # of each render that is ready, what is wrong with its file; nothing where all is well

    @cached_property
    def renders(self) -> dict[str, dict[str, Any]]:
        return dict(self.rows["renders"])

    @cached_property
    def times(self) -> Counter[str]:
        return Counter(job["reference"] for job in self.upstream)

    def faults(self, load: Load) -> Iterator[str]:
        """Everything that should not be."""
        yield from self._lost(load)
        yield from self._endings(load)
        yield from self._twice()
        yield from self._money()
        yield from (f"{render}: {wrong}" for render, wrong in self.films.items() if wrong)
        yield from (*self.rows["findings"], *self.rows["files"])

    def _lost(self, load: Load) -> Iterator[str]:
        if unanswered := [key for key, asked in load.asked.items() if not asked.render]:
            yield f"{len(unanswered)} were never answered: {load.said}"
        yield from (f"{one} was promised and is lost" for one in load.by_render if one not in self.renders)
        if extra := set(self.renders) - set(load.by_render):
            yield f"{len(extra)} that nobody asked for: {sorted(extra)[:3]}"

    def _endings(self, load: Load) -> Iterator[str]:
        for render, asked in load.by_render.items():
            row = self.renders.get(render, {"state": "lost", "failure_code": ""})
            if row["state"] not in ("ready", "failed", "lost"):
                yield f"{render} ({self.title(asked)}) is stuck: {row['state']}"
            elif row["state"] != asked.wish.ends and not (row["state"] == "failed" and self.in_doubt(render)):
                yield f"{render} ({self.title(asked)}) is {row['state']} {row['failure_code']}, not {asked.wish.ends}"

    @staticmethod
    def title(asked: Any) -> str:
        return f"{asked.wish.provider}, {asked.wish.way.name if asked.wish.way else 'no fault'}"

    def in_doubt(self, render: str) -> bool:
        """Whether it was sent, nobody could know what came of it, and its provider has never had it."""
        jobs = [job for job in self.rows["jobs"] if job["render_id"] == render]
        unknown = [job for job in jobs if job["outcome"] in ("unknown", "pending") and job["sent_at"]]
        return any(job["reference"] not in self.times for job in unknown)

    def _twice(self) -> Iterator[str]:
        yield from (f"{pk} became ready {times} times" for pk, times in self.rows["events"].items() if times != 1)
        yield from (f"{name} was accepted {times} times" for name, times in self.times.items() if times != 1)
        done = Counter(job["render_id"] for job in self.rows["jobs"] if job["status"] == "done")
        yield from (f"{pk} was made {times} times" for pk, times in done.items() if times != 1)

    def _money(self) -> Iterator[str]:
        ready = [row for row in self.renders.values() if row["state"] == "ready"]
        charged = sum(row["charge_micros"] or 0 for row in self.renders.values())
        if (self.rows["held"], self.rows["spent"]) != (0, charged):
            yield f"held {self.rows['held']}, spent {self.rows['spent']}, charged {charged}"
        if self.rows["usages"] != len(ready):
            yield f"{self.rows['usages']} charges for {len(ready)} videos"
        for row in self.renders.values():
            paid, is_ready = row["charge_micros"] or 0, row["state"] == "ready"
            if is_ready is not (0 < paid <= row["ceiling_micros"]) or (row["hold__state"] == "settled") is not is_ready:
                yield f"{row['pk']} is {row['state']}, charged {paid}, its hold {row['hold__state']}"
        ours = {job["reference"] for job in self.rows["jobs"] if job["outcome"] == "accepted"}
        known = {job["reference"] for job in self.rows["jobs"]}
        theirs = set(self.times)
        if unknown := theirs - known:
            yield f"{len(unknown)} jobs upstream that we know nothing of"
        if missing := ours - theirs:
            yield f"{len(missing)} jobs accepted here that are not upstream"


def read_books(there: House, load: Load, *, plenty: int) -> Books:
    rows: dict[str, Any] = there.site.ask(ROWS % (there.alice["workspace"], plenty))
    upstream = [job for control in there.simulators.all for job in control.books()]
    films = {job["reference"]: job["film"] for job in upstream}
    made = {job["render_id"]: films.get(job["reference"], "") for job in rows["jobs"] if job["status"] == "done"}
    ready = [row for row in rows["renders"].values() if row["state"] == "ready"]
    with ThreadPoolExecutor(4) as pool:
        told = pool.map(lambda row: _wrong_with(there, row, made.get(row["pk"])), ready)
        return Books(rows, upstream, dict(zip([row["pk"] for row in ready], told, strict=True)))


def _wrong_with(there: House, row: dict[str, Any], film: str | None) -> str:
    """``film`` is what its provider made; of our own drafts there is no word of anybody else."""
    content = _bucket(there).get_object(Bucket=there.parts.bucket.bucket, Key=row["video"])["Body"].read()
    if hashlib.sha256(content).hexdigest() != row["video_sha256"]:
        return "the bucket has other bytes than were stored"
    if film is not None and digest_of_film(content) != film:
        return "it shows another film than its provider made"
    return ""


def _bucket(there: House) -> Any:
    options = there.parts.bucket
    return boto3.client(
        "s3",
        endpoint_url=options.endpoint_url,
        aws_access_key_id=options.access_key,
        aws_secret_access_key=options.secret_key,
        region_name=options.region,
    )
